#include <gtest/gtest.h>

#include "retmask/base/error.h"
#include "retmask/niah/grid.h"

namespace retmask::niah {
namespace {

using Lengths = std::vector<int64_t>;

TEST(Grid, PublishedLengths) {
  // numpy.round(numpy.linspace(0, 5000, 20)).astype(int)
  const Lengths expected = {0,    263,  526,  789,  1053, 1316, 1579, 1842, 2105, 2368,
                            2632, 2895, 3158, 3421, 3684, 3947, 4211, 4474, 4737, 5000};
  const GridOptions grid{.min_length = 0, .max_length = 5000, .length_steps = 20};
  EXPECT_EQ(grid.context_lengths(), expected);
}

TEST(Grid, HalvesGoToEven) {
  const GridOptions grid{.min_length = 0, .max_length = 5, .length_steps = 3};
  EXPECT_EQ(grid.context_lengths(), (Lengths{0, 2, 5}));
}

TEST(Grid, OneStepIsTheSmallestLength) {
  const GridOptions grid{.min_length = 300, .max_length = 500, .length_steps = 1};
  EXPECT_EQ(grid.context_lengths(), Lengths{300});
}

TEST(Grid, GivenLengthsComeFirst) {
  EXPECT_EQ((GridOptions{.lengths = {1024, 512}}.context_lengths()), (Lengths{1024, 512}));
}

TEST(Grid, RejectsImpossibleOnes) {
  EXPECT_NO_THROW(GridOptions{}.validate());
  EXPECT_THROW(GridOptions{.depths = 0}.validate(), UserError);
  EXPECT_THROW(GridOptions{.max_new_tokens = 0}.validate(), UserError);
  EXPECT_THROW(GridOptions{.length_steps = 0}.validate(), UserError);
  EXPECT_THROW((GridOptions{.min_length = 600, .max_length = 500}.validate()), UserError);
  EXPECT_THROW((GridOptions{.lengths = {512, -1}}.validate()), UserError);
  EXPECT_THROW((GridOptions{.lengths = {512, 512}}.validate()), UserError);
  EXPECT_THROW((GridOptions{.min_length = 1, .max_length = 3, .length_steps = 9}.validate()),
               UserError);
}

TEST(Grid, PlacementNames) {
  EXPECT_EQ(parse_placement("reference"), NeedlePlacement::reference);
  EXPECT_EQ(to_string(NeedlePlacement::sentence), "sentence");
  EXPECT_THROW(parse_placement("start"), UserError);
}

}  // namespace
}  // namespace retmask::niah
