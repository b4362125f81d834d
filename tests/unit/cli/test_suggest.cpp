#include <gtest/gtest.h>

#include "suggest.h"

namespace retmask::cli {
namespace {

TEST(Suggestion, NamesTheNearest) {
  EXPECT_EQ(suggestion("--lenghts", {"--depths", "--lengths"}), "; did you mean --lengths?");
  EXPECT_EQ(suggestion("detct", {"mask", "detect"}), "; did you mean detect?");
}

TEST(Suggestion, StaysSilentWhenNothingIsClose) {
  EXPECT_EQ(suggestion("--temperature", {"--depths", "--lengths"}), "");
  EXPECT_EQ(suggestion("x", {}), "");
}

}  // namespace
}  // namespace retmask::cli
