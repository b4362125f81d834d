// Runs that are stopped at any moment and resumed.

#include <gtest/gtest.h>

#include "tiny_run.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

// Asks for a stop at its n-th poll only: the resumed run must not be stopped.
StopPoll at_poll(int64_t n) {
  return [n, polls = int64_t{0}]() mutable { return ++polls == n ? "SIGTERM" : nullptr; };
}

// How often a whole run polls for a stop: once before each micro-batch.
int64_t count_polls(TinyRun run, const fs::path& out, const Options& options) {
  int64_t polls = 0;
  run.stop_asked = [&]() -> const char* {
    ++polls;
    return nullptr;
  };
  run(out, options);
  return polls;
}

Options stop_options() {
  Options options = short_options();
  options.max_steps = 3;
  options.save_every = 2;
  options.eval_every = 1;
  options.micro_batch_tokens = 400;
  return options;
}

TinyRun evaluated_run() {
  TinyRun run;
  run.held_out = {run.examples.begin() + 16, run.examples.begin() + 20};
  run.examples.resize(12);
  return run;
}

void expect_equal_runs(const fs::path& stopped, const fs::path& undisturbed) {
  EXPECT_EQ(without_timing(metrics_of(stopped)), without_timing(metrics_of(undisturbed)));
  for (const char* file : {"model.safetensors", "eval_metrics.jsonl"}) {
    EXPECT_EQ(bytes_of(stopped / file), bytes_of(undisturbed / file)) << file;
  }
}

TEST(Stops, AtAnyPassNothingIsLostAndNothingChanges) {
  const testing::TempDir folder;
  const Options options = stop_options();
  const TinyRun calm = evaluated_run();
  const int64_t polls = count_polls(calm, folder / "calm", options);
  ASSERT_GT(polls, 15);  // in the reference, in steps of several micro-batches, on held-out rows
  for (int64_t n = 1; n <= polls; n += 2) {
    SCOPED_TRACE(n);
    const fs::path out = folder / std::to_string(n);
    TinyRun asked = calm;
    asked.stop_asked = at_poll(n);
    EXPECT_THROW(asked(out, options), Stopped);
    EXPECT_FALSE(fs::exists(out / "model.safetensors"));
    calm(out, options);
    expect_equal_runs(out, folder / "calm");
  }
}

TEST(Stops, TheStateOfTheLastWholeStepIsSaved) {
  const testing::TempDir folder;
  Options options = stop_options();
  options.save_every = 0;
  TinyRun run;
  // In the second step; the polls before belong to the reference and the first step.
  run.stop_asked = [&]() -> const char* {
    const fs::path metrics = folder / "out/metrics.jsonl";
    return fs::exists(metrics) && fs::file_size(metrics) > 0 ? "SIGUSR1" : nullptr;
  };
  try {
    run(folder / "out", options);
    FAIL() << "did not stop";
  } catch (const Stopped& stopped) {
    EXPECT_STREQ(stopped.what(),
                 "stopped by SIGUSR1 after step 1 of 3; the state is saved; run the same command "
                 "again to resume");
  }
  EXPECT_TRUE(fs::exists(folder / "out/checkpoints/step-1/state.json"));
  EXPECT_EQ(metrics_of(folder / "out").size(), 1u);
}

TEST(Stops, BeforeTheFirstStepThereIsNoState) {
  const testing::TempDir folder;
  TinyRun run;
  run.stop_asked = [&] { return "SIGINT"; };
  EXPECT_THROW(run(folder / "out", stop_options()), Stopped);
  EXPECT_FALSE(fs::exists(folder / "out/checkpoints"));
}

TEST(Stops, StatesAreSavedByTimeToo) {
  const testing::TempDir folder;
  Options options = stop_options();
  options.save_every = 0;
  options.save_minutes = 0;
  TinyRun{}(folder / "never", options);
  EXPECT_FALSE(fs::exists(folder / "never/checkpoints"));
  options.save_minutes = 1e-9;  // less than any step takes
  options.keep_last = 5;
  TinyRun{}(folder / "always", options);
  EXPECT_TRUE(fs::exists(folder / "always/checkpoints/step-1"));
  EXPECT_TRUE(fs::exists(folder / "always/checkpoints/step-2"));
}

}  // namespace
}  // namespace retmask::train
