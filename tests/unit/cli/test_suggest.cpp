#include <gtest/gtest.h>

#include "suggest.h"

namespace retmask::cli {
namespace {

TEST(Suggestion, NamesTheNearest) {
  EXPECT_EQ(suggestion("--lenghts", {"--depths", "--lengths"}), "; did you mean --lengths?");
  EXPECT_EQ(suggestion("detct", {"mask", "detect"}), "; did you mean detect?");
}

TEST(Suggestion, KnowsTheNamesOfOtherTools) {
  const std::vector<std::string> flags = {"--max-turns",
                                          "--max-new-tokens",
                                          "--model",
                                          "--out",
                                          "--learning-rate",
                                          "--epochs",
                                          "--global-batch-size",
                                          "--nproc",
                                          "--label-smoothing",
                                          "--adam-eps"};
  const auto hint = [&](const std::string& name) { return suggestion(name, flags); };
  EXPECT_EQ(hint("--max-tokens"), "; did you mean --max-new-tokens?");  // --max-turns is nearer
  EXPECT_EQ(hint("--max_new_tokens"), "; did you mean --max-new-tokens?");
  EXPECT_EQ(hint("--lr"), "; did you mean --learning-rate?");
  EXPECT_EQ(hint("--model_name_or_path"), "; did you mean --model?");
  EXPECT_EQ(hint("--output_dir"), "; did you mean --out?");
  EXPECT_EQ(hint("--num-train-epochs"), "; did you mean --epochs?");
  EXPECT_EQ(hint("--per-device-train-batch-size"), "; did you mean --global-batch-size?");
  EXPECT_EQ(hint("--tensor-parallel-size"), "; did you mean --nproc?");
  EXPECT_EQ(hint("-o"), "; did you mean --out?");
  EXPECT_EQ(suggestion("lr", {"epochs", "learning-rate"}), "; did you mean learning-rate?");
  EXPECT_EQ(suggestion("--max-tokens", {"--max-turns"}), "") << "not a flag of this command";

  const std::vector<std::string> commands = {
      "detect", "mask", "synthesize", "train-dpo", "eval", "report"};
  EXPECT_EQ(suggestion("train", commands), "; did you mean train-dpo?");
  EXPECT_EQ(suggestion("train_dpo", commands), "; did you mean train-dpo?");
  EXPECT_EQ(suggestion("dpo", commands), "; did you mean train-dpo?");
  EXPECT_EQ(suggestion("generate", commands), "; did you mean synthesize?");
  EXPECT_EQ(suggestion("evaluate", commands), "; did you mean eval?");
}

TEST(Suggestion, StaysSilentWhenNothingIsClose) {
  EXPECT_EQ(suggestion("--temperature", {"--depths", "--lengths"}), "");
  EXPECT_EQ(suggestion("x", {}), "");
}

}  // namespace
}  // namespace retmask::cli
