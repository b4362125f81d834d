#include <gtest/gtest.h>

#include <cmath>

#include "steps.h"
#include "tiny_run.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

std::vector<Json> eval_metrics_of(const fs::path& out) {
  return read_json_lines(out / "eval_metrics.jsonl", "metrics");
}

// Every step trains on all rows, and the same rows are held out: after step n they must give what
// step n + 1 is about to see.
TEST(HeldOut, GivesTheFiguresOfTheNextStepOnTheSameRows) {
  const testing::TempDir folder;
  for (const LossKind loss : {LossKind::dpo, LossKind::sft}) {
    Options options = short_options();
    options.loss = loss;
    options.max_steps = 3;
    options.global_batch_size = 8;
    options.shuffle = false;
    options.warmup_ratio = 0;
    options.eval_every = 1;
    TinyRun run{.examples = golden_examples(loss)};
    run.examples.resize(8);
    run.held_out = run.examples;
    const fs::path out = folder / to_string(loss);
    run(out, options);
    const auto steps = metrics_of(out);
    const auto held_out = eval_metrics_of(out);
    ASSERT_EQ(held_out.size(), 4u);
    for (size_t i = 0; i < steps.size(); ++i) {
      EXPECT_EQ(held_out[i].at("step"), i);
      EXPECT_EQ(held_out[i].at("tokens"), steps[i].at("tokens"));
      for (const char* key : {"loss", "rewards_chosen", "rewards_rejected", "margin", "accuracy"}) {
        if (steps[i].at(key).is_null()) {
          EXPECT_TRUE(held_out[i].at(key).is_null()) << key;
          continue;
        }
        EXPECT_NEAR(held_out[i].at(key).get<double>(), steps[i].at(key).get<double>(), 1e-6) << key;
      }
    }
    EXPECT_LT(held_out.back().at("loss"), held_out.front().at("loss"));
  }
}

TEST(HeldOut, AtTheStartAndTheEndUnlessAskedForMore) {
  const testing::TempDir folder;
  Options options = short_options();
  options.max_steps = 5;
  TinyRun run;
  run.held_out = {run.examples[30], run.examples[31]};
  const Result summary = run(folder / "ends", options);
  const auto ends = eval_metrics_of(folder / "ends");
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0].at("step"), 0);
  EXPECT_NEAR(ends[0].at("loss").get<double>(), std::log(2.0), 1e-6);
  EXPECT_EQ(ends[0].at("rows"), 2);
  EXPECT_EQ(ends[1].at("step"), 5);
  EXPECT_EQ(summary.held_out_before, ends[0]);
  EXPECT_EQ(summary.held_out_after, ends[1]);

  options.eval_every = 2;
  run(folder / "more", options);
  std::vector<int64_t> evaluated;
  for (const Json& row : eval_metrics_of(folder / "more")) evaluated.push_back(row.at("step"));
  EXPECT_EQ(evaluated, (std::vector<int64_t>{0, 2, 4, 5}));
  EXPECT_EQ(model_bytes(folder / "more"), model_bytes(folder / "ends"))
      << "looking changes nothing";
}

// As after a kill: the file has rows of steps that are repeated.
TEST(HeldOut, RowsBehindTheLastStateAreDropped) {
  const testing::TempDir folder;
  Options options = short_options();
  options.max_steps = 4;
  options.eval_every = 1;
  options.save_every = 2;
  TinyRun run;
  run.held_out = {run.examples[30], run.examples[31]};
  run(folder / "out", options);
  const std::string before = bytes_of(folder / "out/eval_metrics.jsonl");
  fs::remove(folder / "out/training.json");
  run(folder / "out", options);
  EXPECT_EQ(eval_metrics_of(folder / "out").size(), 5u);
  EXPECT_EQ(bytes_of(folder / "out/eval_metrics.jsonl"), before);
}

TEST(HeldOut, WithoutHeldOutRowsThereIsNoFile) {
  const testing::TempDir folder;
  Options options = short_options();
  options.max_steps = 1;
  const Result summary = TinyRun{}(folder / "out", options);
  EXPECT_FALSE(fs::exists(folder / "out/eval_metrics.jsonl"));
  EXPECT_TRUE(summary.held_out_after.is_null());
}

}  // namespace
}  // namespace retmask::train
