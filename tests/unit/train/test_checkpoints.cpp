#include <fstream>

#include "retmask/train/checkpoints.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

namespace fs = std::filesystem;

// One matrix and one vector, in bfloat16 so that masters and weights differ.
struct TinyRun {
  TinyRun() {
    torch::manual_seed(1);
    parameters = {{"a.weight", torch::randn({3, 4}).to(torch::kBFloat16).requires_grad_()},
                  {"b.weight", torch::randn({4}).to(torch::kBFloat16).requires_grad_()}};
    optimizer = std::make_unique<AdamW>(parameters, TrainOptions());
  }
  void step(int64_t seed) {
    torch::manual_seed(seed);
    optimizer->step({torch::randn({3, 4}), torch::randn({4})}, /*learning_rate=*/1e-3);
  }
  NamedTensors parameters;
  std::unique_ptr<AdamW> optimizer;
};

bool equal_states(const AdamW& a, const AdamW& b) {
  const NamedTensors left = a.state();
  const NamedTensors right = b.state();
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i].first != right[i].first) return false;
    if (!torch::equal(left[i].second, right[i].second)) return false;
  }
  return a.steps_taken() == b.steps_taken();
}

TEST(TrainingCheckpoints, ResumedRunEqualsTheUndisturbedOne) {
  const testing::TempDir folder;
  const Json identity = {{"seed", 1}};
  TinyRun undisturbed;
  TinyRun stopped;
  for (int64_t step = 0; step < 3; ++step) {
    undisturbed.step(step);
    stopped.step(step);
  }
  TrainingCheckpoints(folder / "checkpoints", identity, 1).save(*stopped.optimizer);

  TinyRun resumed;
  const TrainingCheckpoints checkpoints(folder / "checkpoints", identity, 1);
  ASSERT_EQ(checkpoints.latest(), 3);
  checkpoints.load(3, *resumed.optimizer);
  EXPECT_TRUE(equal_states(*resumed.optimizer, *stopped.optimizer));
  resumed.step(3);
  undisturbed.step(3);
  EXPECT_TRUE(equal_states(*resumed.optimizer, *undisturbed.optimizer));
  EXPECT_TRUE(torch::equal(resumed.parameters[0].second, undisturbed.parameters[0].second));
}

TEST(TrainingCheckpoints, KeepsTheLastAndClearsWhatAKillLeft) {
  const testing::TempDir folder;
  const fs::path dir = folder / "checkpoints";
  TinyRun run;
  TrainingCheckpoints checkpoints(dir, Json::object(), /*keep_last=*/2);
  for (int64_t step = 0; step < 11; ++step) {
    run.step(step);
    if (step >= 7) checkpoints.save(*run.optimizer);
  }
  EXPECT_FALSE(fs::exists(dir / "step-9"));
  EXPECT_TRUE(fs::exists(dir / "step-10"));
  EXPECT_EQ(checkpoints.latest(), 11) << "by number, not by name";

  fs::create_directories(dir / "step-12.tmp");
  fs::create_directories(dir / "something else");
  const TrainingCheckpoints reopened(dir, Json::object(), 2);
  EXPECT_FALSE(fs::exists(dir / "step-12.tmp"));
  EXPECT_TRUE(fs::exists(dir / "something else"));
  EXPECT_EQ(reopened.latest(), 11);
}

TEST(TrainingCheckpoints, AnotherRunsStateIsRefused) {
  const testing::TempDir folder;
  TinyRun run;
  run.step(0);
  TrainingCheckpoints(folder / "c", {{"beta", 0.1}, {"seed", 1}}, 1).save(*run.optimizer);
  const TrainingCheckpoints other(folder / "c", {{"beta", 0.2}, {"seed", 1}}, 1);
  expect_user_error([&] { other.load(1, *run.optimizer); }, {"beta was 0.1 and is 0.2", "--out"});
}

TEST(TrainingCheckpoints, AStateThatDoesNotFitIsRefused) {
  const testing::TempDir folder;
  TinyRun run;
  run.step(0);
  TrainingCheckpoints checkpoints(folder / "c", Json::object(), 1);
  checkpoints.save(*run.optimizer);
  AdamW other({{"a.weight", torch::randn({4, 4})}}, TrainOptions());
  expect_user_error([&] { checkpoints.load(1, other); }, {"does not fit", "a.weight"});

  fs::resize_file(folder / "c" / "step-1" / "optimizer.safetensors", 150);
  expect_user_error([&] { checkpoints.load(1, *run.optimizer); }, {"optimizer.safetensors"});
}

}  // namespace
}  // namespace retmask::train
