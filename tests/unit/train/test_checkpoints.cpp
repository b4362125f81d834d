#include <algorithm>
#include <fstream>
#include <functional>

#include "checkpoints.h"
#include "tiny_parameters.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

namespace fs = std::filesystem;

// In bfloat16, so that the optimizer's weights and the network's differ.
struct SavedRun : TinyParameters {
  explicit SavedRun(int64_t stage = 0) : TinyParameters(torch::kBFloat16, Options(), stage) {}

  void step(int64_t seed) {
    torch::manual_seed(seed);
    TinyParameters::step(random_factors(1), /*learning_rate=*/1e-3);
  }
  TrainingCheckpoints checkpoints(const fs::path& dir,
                                  const Json& identity = Json::object(),
                                  int64_t keep_last = 1) {
    return TrainingCheckpoints(dir, identity, keep_last, group);
  }
};

bool equal_states(const SavedRun& a, const SavedRun& b) {
  for (size_t u = 0; u < a.named.size(); ++u) {
    const NamedTensors left = a.optimizer->state(u);
    const NamedTensors right = b.optimizer->state(u);
    for (size_t i = 0; i < left.size(); ++i) {
      if (!torch::equal(left[i].second, right[i].second)) return false;
    }
  }
  return a.optimizer->steps_taken() == b.optimizer->steps_taken();
}

TEST(TrainingCheckpoints, ResumedRunEqualsTheUndisturbedOneInAnyStage) {
  const testing::TempDir folder;
  const Json identity = {{"seed", 1}};
  SavedRun undisturbed;
  SavedRun stopped;
  for (int64_t step = 0; step < 3; ++step) {
    undisturbed.step(step);
    stopped.step(step);
  }
  stopped.checkpoints(folder / "checkpoints", identity).save(*stopped.optimizer);
  undisturbed.step(3);

  for (int64_t stage = 0; stage < 4; ++stage) {
    SavedRun resumed(stage);
    TrainingCheckpoints checkpoints = resumed.checkpoints(folder / "checkpoints", identity);
    ASSERT_EQ(checkpoints.load(*resumed.optimizer), 3);
    EXPECT_EQ(checkpoints.newest(), 3);
    EXPECT_TRUE(equal_states(resumed, stopped));
    resumed.step(3);
    EXPECT_TRUE(equal_states(resumed, undisturbed)) << stage;
    if (stage == 3) continue;
    EXPECT_TRUE(torch::equal(resumed.named[0].second, undisturbed.named[0].second));
  }
}

TEST(TrainingCheckpoints, KeepsTheLastAndClearsWhatAKillLeft) {
  const testing::TempDir folder;
  const fs::path dir = folder / "checkpoints";
  SavedRun run;
  TrainingCheckpoints checkpoints = run.checkpoints(dir, Json::object(), /*keep_last=*/2);
  for (int64_t step = 0; step < 11; ++step) {
    run.step(step);
    if (step >= 7) checkpoints.save(*run.optimizer);
  }
  EXPECT_FALSE(fs::exists(dir / "step-9"));
  EXPECT_TRUE(fs::exists(dir / "step-10"));

  fs::create_directories(dir / "step-12.tmp");
  fs::create_directories(dir / "something else");
  SavedRun next;
  TrainingCheckpoints reopened = next.checkpoints(dir, Json::object(), 2);
  EXPECT_FALSE(fs::exists(dir / "step-12.tmp"));
  EXPECT_TRUE(fs::exists(dir / "something else"));
  EXPECT_EQ(reopened.load(*next.optimizer), 11) << "by number, not by name";
}

TEST(TrainingCheckpoints, ADamagedStateIsLeftOut) {
  const testing::TempDir folder;
  SavedRun run;
  TrainingCheckpoints checkpoints = run.checkpoints(folder / "c", Json::object(), 3);
  for (int64_t step = 0; step < 3; ++step) {
    run.step(step);
    checkpoints.save(*run.optimizer);
  }
  {
    std::fstream file(folder / "c/step-3/rank-0.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('x');  // as long as before
  }
  fs::remove(folder / "c/step-2/state.json");
  SavedRun resumed;
  EXPECT_EQ(resumed.checkpoints(folder / "c").load(*resumed.optimizer), 1);
  fs::resize_file(folder / "c/step-1/rank-0.safetensors", 150);
  EXPECT_FALSE(resumed.checkpoints(folder / "c").load(*resumed.optimizer));
}

// A state with a damaged state.json is ignored, whatever is missing.
TEST(TrainingCheckpoints, AStateWithoutItsChecksumsIsLeftOut) {
  const std::vector<std::pair<const char*, std::function<void(Json&)>>> damages = {
      {"no checksum", [](Json& state) { state["files"][0].erase("sha256"); }},
      {"no size", [](Json& state) { state["files"][0].erase("bytes"); }},
      {"a checksum of another kind", [](Json& state) { state["files"][0]["sha256"] = 7; }},
      {"no file", [](Json& state) { state["files"] = Json::array(); }},
      {"files of another kind", [](Json& state) { state["files"] = "rank-0"; }},
      {"an entry of another kind", [](Json& state) { state["files"][0] = 1; }},
      {"no ranks", [](Json& state) { state.erase("ranks"); }},
      {"no units", [](Json& state) { state.erase("units"); }},
      {"another step", [](Json& state) { state["step"] = 1; }},
      {"no object", [](Json& state) { state = Json::array(); }},
      {"null", [](Json& state) { state = nullptr; }}};
  for (const auto& [what, damage] : damages) {
    const testing::TempDir folder;
    SavedRun run;
    TrainingCheckpoints checkpoints = run.checkpoints(folder / "c", Json::object(), 3);
    for (int64_t step = 0; step < 2; ++step) {
      run.step(step);
      checkpoints.save(*run.optimizer);
    }
    Json state = read_json_file(folder / "c/step-2/state.json", "state");
    damage(state);
    write_json_file(folder / "c/step-2/state.json", state);
    SavedRun resumed;
    EXPECT_EQ(resumed.checkpoints(folder / "c").load(*resumed.optimizer), 1) << what;
  }
}

TEST(TrainingCheckpoints, ClearsWhatSteppedAsideAndPutsBackWhatHasNoSuccessor) {
  const testing::TempDir folder;
  const fs::path dir = folder / "c";
  SavedRun run;
  TrainingCheckpoints checkpoints = run.checkpoints(dir, Json::object(), 3);
  for (int64_t step = 0; step < 2; ++step) {
    run.step(step);
    checkpoints.save(*run.optimizer);
  }
  fs::create_directories(dir / "step-1.old77");      // killed after the second rename
  fs::rename(dir / "step-2", dir / "step-2.old78");  // and before it
  fs::create_directories(dir / "step-2.tmp");
  fs::create_directories(dir / "step-0.tmp.old79");
  fs::create_directories(dir / "notes.old");
  fs::create_directories(dir / "mine.tmp");
  SavedRun resumed;
  EXPECT_EQ(resumed.checkpoints(dir, Json::object(), 3).load(*resumed.optimizer), 2);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"mine.tmp", "notes.old", "step-1", "step-2"}));
}

TEST(TrainingCheckpoints, AnotherRunsStateIsRefused) {
  const testing::TempDir folder;
  SavedRun run;
  run.step(0);
  run.checkpoints(folder / "c", {{"beta", 0.1}, {"seed", 1}}).save(*run.optimizer);
  expect_user_error(
      [&] {
        run.checkpoints(folder / "c", {{"beta", 0.2}, {"seed", 1}});
      },
      {"beta was 0.1 and is 0.2", "--out"});
}

TEST(TrainingCheckpoints, AStateThatDoesNotFitIsRefused) {
  const testing::TempDir folder;
  SavedRun run;
  run.step(0);
  run.checkpoints(folder / "c").save(*run.optimizer);
  ShardedParameters parameters(
      {{"model.norm.weight", torch::randn({4, 4})}},
      run.group,
      /*stage=*/0,
      torch::kCPU,
      [](const auto&, int64_t, const torch::Tensor& into) { into.zero_(); });
  AdamW other(parameters, Options());
  TrainingCheckpoints checkpoints = run.checkpoints(folder / "c");
  expect_user_error([&] { checkpoints.load(other); }, {"does not fit", "step-1"});
}

}  // namespace
}  // namespace retmask::train
