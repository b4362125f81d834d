#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "retmask/report/run_record.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

class RunRecordTest : public ::testing::Test {
 protected:
  RunInfo info(const Json& options = {{"depths", 5}, {"threads", 2}}) const {
    return {
        .command = "detect", .out = out_, .options = options, .ignored = {"threads"}, .threads = 2};
  }
  Json read() const { return read_json_file(out_ / "run.json", "run record"); }
  // What makes a folder worth keeping.
  void leave_result() const { std::ofstream(out_ / "head_scores.json") << "{}"; }

  testing::TempDir folder_;
  std::filesystem::path out_ = folder_ / "";
};

TEST_F(RunRecordTest, WritesRunningThenDone) {
  RunRecord run(info());
  EXPECT_EQ(read()["status"], "running");
  EXPECT_TRUE(read()["finished"].is_null());
  run.add_input("model", "abc");
  run.set_device("cpu");
  run.set_throughput("tokens_per_second", 12.5);
  run.set_memory({{"weights", 70}, {"total", 100}}, 90);
  run.finish();
  const Json record = read();
  EXPECT_EQ(record["status"], "done");
  EXPECT_EQ(record["command"], "detect");
  EXPECT_EQ(record["options"]["depths"], 5);
  EXPECT_EQ(record["inputs"]["model"], "abc");
  EXPECT_EQ(record["device"], "cpu");
  EXPECT_EQ(record["threads"], 2);
  EXPECT_EQ(record["throughput"]["tokens_per_second"], 12.5);
  EXPECT_EQ(record["memory"], Json({{"budget", {{"weights", 70}, {"total", 100}}}, {"peak", 90}}));
  EXPECT_GE(record["seconds"].get<double>(), 0);
  EXPECT_FALSE(run.resumed());
}

TEST_F(RunRecordTest, AnExceptionLeavesFailed) {
  try {
    RunRecord run(info());
    throw std::runtime_error("broken");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(read()["status"], "failed");
  }
}

TEST_F(RunRecordTest, GoesOnWithTheSameOptions) {
  RunRecord(info()).finish();
  leave_result();
  RunRecord run(info({{"depths", 5}, {"threads", 8}}));
  EXPECT_TRUE(run.resumed());
  run.finish();
  EXPECT_EQ(read()["earlier"].size(), 1U);
  EXPECT_EQ(read()["earlier"][0]["status"], "done");
}

TEST_F(RunRecordTest, KeepsThroughputWhenNothingWasLeftToDo) {
  {
    RunRecord run(info());
    run.set_throughput("samples_per_second", 3);
    run.finish();
  }
  leave_result();
  RunRecord(info()).finish();
  EXPECT_EQ(read()["throughput"]["samples_per_second"], 3.0);
}

TEST_F(RunRecordTest, RefusesOtherOptions) {
  RunRecord(info({{"depths", 5}, {"model", "a"}, {"threshold", nullptr}})).finish();
  leave_result();
  expect_user_error(
      [&] {
        RunRecord run(info({{"depths", 10}, {"model", "a"}, {"threshold", 0.1}}));
      },
      {"depths 5 -> 10", "threshold unset -> 0.1", "another --out"});
  EXPECT_EQ(read()["options"]["depths"], 5) << "the record of the results was overwritten";
}

TEST_F(RunRecordTest, RefusesAnotherCommandsFolder) {
  RunRecord(info()).finish();
  leave_result();
  RunInfo other = info();
  other.command = "mask";
  expect_user_error([&] { RunRecord run(other); },
                    {"retmask detect", "not of mask", "another --out"});
}

TEST_F(RunRecordTest, ReusesAFolderWithoutResults) {
  { RunRecord run(info()); }  // failed at once
  RunRecord run(info({{"depths", 10}}));
  EXPECT_FALSE(run.resumed());
  EXPECT_EQ(read()["options"]["depths"], 10);
}

TEST_F(RunRecordTest, RefusesChangedInputs) {
  {
    RunRecord run(info());
    run.add_input("model", "abc");
    run.finish();
  }
  leave_result();
  RunRecord run(info());
  run.add_input("model", "abc");
  expect_user_error([&] { run.add_input("model", "xyz"); }, {"the input model has changed"});
}

TEST_F(RunRecordTest, NotedInputsMayChange) {
  {
    RunRecord run(info());
    run.note_input("endpoint", "http://node1:8000");
    run.finish();
  }
  leave_result();
  RunRecord run(info());
  run.note_input("endpoint", "http://node2:8000");
  EXPECT_EQ(read()["inputs"]["endpoint"], "http://node2:8000");
}

TEST_F(RunRecordTest, AForkedChildDoesNotReportFailure) {
  auto run = std::make_unique<RunRecord>(info());
  const pid_t child = ::fork();
  if (child == 0) {
    run.reset();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(read()["status"], "running");
  run->finish();
}

}  // namespace
}  // namespace retmask
