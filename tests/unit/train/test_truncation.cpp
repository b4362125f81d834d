#include <gtest/gtest.h>

#include <filesystem>

#include "retmask/base/json.h"
#include "retmask/train/examples.h"

namespace retmask::train {
namespace {

int64_t scored(const std::vector<int64_t>& sequence, int64_t start) {
  return static_cast<int64_t>(sequence.size()) - start;
}

TEST(ReferenceTruncation, ShowsAndScoresWhatTrlDoes) {
  const Json golden = read_json_file(
      std::filesystem::path(RETMASK_GOLDEN_DIR) / "dpo/truncation.json", "golden file");
  const ReferenceTruncation limits{.max_prompt = golden.at("max_prompt"),
                                   .max_length = golden.at("max_length")};
  for (const Json& row : golden.at("cases")) {
    SCOPED_TRACE(row.dump());
    TrainingExample example{.where = "",
                            .prompt = row.at("prompt").get<TokenIds>(),
                            .chosen = row.at("chosen").get<TokenIds>(),
                            .rejected = row.at("rejected").get<TokenIds>()};
    const int64_t whole = example.num_tokens();
    const bool cut = truncate_as_reference(example, limits);
    const auto expected_chosen = row.at("trl_chosen").at("sequence").get<std::vector<int64_t>>();
    const auto expected_rejected =
        row.at("trl_rejected").at("sequence").get<std::vector<int64_t>>();
    EXPECT_EQ(example.chosen_sequence(), expected_chosen);
    EXPECT_EQ(example.rejected_sequence(), expected_rejected);
    EXPECT_EQ(scored(expected_chosen, example.chosen_start()), row.at("trl_chosen").at("scored"));
    EXPECT_EQ(scored(expected_rejected, example.rejected_start()),
              row.at("trl_rejected").at("scored"));
    const auto left = static_cast<int64_t>(expected_chosen.size() + expected_rejected.size());
    EXPECT_EQ(example.num_tokens(), left);
    EXPECT_EQ(cut, left < whole);
  }
}

TEST(ReferenceTruncation, HasTheLimitsOfTrlsDefaults) {
  TrainingExample example{.where = "",
                          .prompt = TokenIds(600, 1),
                          .chosen = TokenIds(512, 2),
                          .rejected = TokenIds(4096, 3)};
  EXPECT_TRUE(truncate_as_reference(example));
  EXPECT_EQ(example.prompt.size(), 512u);
  EXPECT_EQ(example.chosen_length(), 1024);
  EXPECT_EQ(example.chosen_start(), 512);
  EXPECT_EQ(example.rejected_sequence(), std::vector<int64_t>(1024, 3));
  EXPECT_EQ(example.rejected_start(), 1);
}

TEST(ReferenceTruncation, ShortRowsStayWhole) {
  TrainingExample example{.where = "", .prompt = {1, 2}, .chosen = {3}, .rejected = {4, 5}};
  EXPECT_FALSE(truncate_as_reference(example));
  EXPECT_EQ(example.chosen_start(), 2);
  EXPECT_EQ(example.num_tokens(), 7);
}

}  // namespace
}  // namespace retmask::train
