#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "retmask/report/run_record.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

class RunRecordTest : public ::testing::Test {
 protected:
  RunInfo info(const Json& options = {{"depths", 5}, {"threads", 2}}) const {
    return {.command = "detect",
            .out = out_,
            .options = options,
            .rules = {.ignored = {"threads"}},
            .threads = 2};
  }
  Json read() const { return read_json_file(out_ / "run.json", "run record"); }
  // A result file makes the folder worth keeping.
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
  { RunRecord run(info()); }  // fails at once
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

TEST_F(RunRecordTest, AChangedInputIsRefusedAtEveryStart) {
  {
    RunRecord run(info());
    run.add_input("model", "abc");
    run.add_input("prompts", "old");
    run.finish();
  }
  leave_result();
  const Json before = read();
  for (int start = 0; start < 3; ++start) {
    RunRecord run(info());
    run.add_input("model", "abc");
    expect_user_error([&] { run.add_input("prompts", "new"); }, {"the input prompts has changed"});
  }
  EXPECT_EQ(read(), before) << "a refused start has rewritten the record";
}

TEST_F(RunRecordTest, HashesStayWhateverHappensBeforeTheyAreConfirmed) {
  {
    RunRecord run(info());
    run.add_input("model", "abc");
    run.add_input("prompts", "old");
  }
  leave_result();
  { RunRecord run(info()); }  // a missing file: it fails before any input is hashed
  const pid_t child = ::fork();
  if (child == 0) {
    RunRecord run(info());
    run.add_input("model", "abc");
    ::_exit(0);  // killed while hashing the prompts
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(read()["inputs"], Json({{"model", "abc"}, {"prompts", "old"}}));
  RunRecord run(info());
  expect_user_error([&] { run.add_input("prompts", "new"); }, {"the input prompts has changed"});
}

TEST_F(RunRecordTest, FilesBesideAnInputCountToo) {
  const std::map<std::string, std::string> files = {{"tokenizer.json", "a"}, {"merges.txt", "b"}};
  {
    RunRecord run(info());
    run.add_input_folder("model", files);
    run.finish();
  }
  leave_result();
  const auto refused = [&](const std::map<std::string, std::string>& now, const char* how) {
    RunRecord run(info());
    expect_user_error([&] { run.add_input_folder("model", now); }, {how, "another --out"});
  };
  refused({{"tokenizer.json", "x"}, {"merges.txt", "b"}}, "model/tokenizer.json has changed");
  refused({{"tokenizer.json", "a"}}, "model/merges.txt was removed");
  std::map<std::string, std::string> more = files;
  more["chat_template.jinja"] = "c";
  refused(more, "model/chat_template.jinja was added");
  RunRecord run(info());
  run.add_input_folder("model", files);
  run.add_input_folder("rejected-model", more);
  EXPECT_EQ(read()["input_files"]["model"]["merges.txt"], "b");
}

TEST_F(RunRecordTest, AFailureBeforeTheFirstResultBindsNothing) {
  {
    RunRecord run(info());
    run.add_input("model", "abc");
  }
  std::ofstream(out_ / "samples.jsonl");  // opened, but no row was written
  std::ofstream(out_ / "job.log") << "out of memory";
  std::ofstream(out_ / "summary.json.tmp123") << "{";
  RunRecord run(info({{"depths", 10}}));
  EXPECT_FALSE(run.resumed());
  run.add_input("model", "xyz");
  EXPECT_EQ(read()["inputs"]["model"], "xyz");
  EXPECT_TRUE(std::filesystem::exists(out_ / "job.log"));
  EXPECT_FALSE(std::filesystem::exists(out_ / "summary.json.tmp123"));
}

TEST_F(RunRecordTest, TheFirstRowBinds) {
  { RunRecord run(info()); }
  std::ofstream(out_ / "samples.jsonl") << "{}\n";
  expect_user_error(
      [&] {
        RunRecord run(info({{"depths", 10}, {"threads", 2}}));
      },
      {"depths 5 -> 10"});
  RunInfo part = info();
  part.command = "synthesize";
  part.out = out_ / "parts";
  std::filesystem::create_directories(part.out / "shard-0-of-2");
  { RunRecord run(part); }
  {
    RunRecord anew([&] {
      part.options["depths"] = 6;
      return part;
    }());
  }
  std::ofstream(part.out / "shard-0-of-2/answers.jsonl") << "{}\n";
  part.options["depths"] = 7;
  expect_user_error([&] { RunRecord run(part); }, {"depths 6 -> 7"});
}

TEST_F(RunRecordTest, ResultsWithoutARecordAreNotTakenUp) {
  std::ofstream(out_ / "samples.jsonl") << "{}\n";
  expect_user_error([&] { RunRecord run(info()); }, {"samples.jsonl", "no run.json"});
  EXPECT_FALSE(std::filesystem::exists(out_ / "run.json"));
}

TEST_F(RunRecordTest, AFlagThatAnOlderRecordLacksStandsForItsDefault) {
  RunRecord(info({{"depths", 5}})).finish();
  leave_result();
  RunInfo newer = info({{"depths", 5}, {"scorer", "copy"}, {"repeats", 1}});
  newer.defaults = {{"depths", 10}, {"scorer", "copy"}, {"repeats", 1}};
  RunRecord(newer).finish();
  RunInfo other = info({{"depths", 5}, {"scorer", "copy"}, {"repeats", 1}, {"fold", 2}});
  other.defaults = {{"depths", 10}, {"scorer", "copy"}, {"repeats", 1}, {"fold", 0}};
  expect_user_error([&] { RunRecord run(other); }, {"fold 0 -> 2"});
}

TEST_F(RunRecordTest, PathsAreComparedByWhatTheyName) {
  namespace fs = std::filesystem;
  const fs::path model = out_ / "model";
  fs::create_directory(model);
  fs::create_directory_symlink(model, out_ / "link");
  const auto start = [&](const std::string& path, bool with_hash) {
    RunInfo with = info({{"model", path}, {"mask", nullptr}});
    with.rules.inputs = {{"model", "model"}, {"mask", "mask"}};
    RunRecord run(with);
    if (with_hash) run.add_input("model", "abc");
    run.finish();
  };
  start(model.string(), /*with_hash=*/false);
  leave_result();
  for (const std::string& same : {model.string() + "/",
                                  (out_ / "link").string(),
                                  fs::relative(model).string(),
                                  (out_ / "model/../model").string()}) {
    start(same, false);
  }
  expect_user_error([&] { start((out_ / "copy").string(), false); }, {"model ", " -> "});
  start(model.string(), true);
  start((out_ / "copy").string(), true);  // the hash proves that it is the same
  RunInfo masked = info({{"model", model.string()}, {"mask", "mask.json"}});
  masked.rules.inputs = {{"model", "model"}, {"mask", "mask"}};
  expect_user_error([&] { RunRecord run(masked); }, {"mask unset -> "});
}

TEST_F(RunRecordTest, WhatAFlagMeansIsCompared) {
  const auto start = [&](const char* dtype, const char* meaning) {
    RunInfo with = info({{"dtype", dtype}});
    with.rules.settled = {{"dtype", "dtype"}};
    RunRecord run(with);
    run.settle("dtype", meaning);
    run.finish();
  };
  start("auto", "bfloat16");
  leave_result();
  start("bfloat16", "bfloat16");
  expect_user_error([&] { start("float32", "float32"); }, {"dtype", "bfloat16", "float32"});
  expect_user_error([&] { start("auto", "float32"); }, {"dtype", "bfloat16", "float32"});
}

TEST_F(RunRecordTest, TheMomentIsThatOfTheFirstStart) {
  const auto first = Moment::parse("2020-01-02T03:04:05");
  RunInfo part = info();
  part.moment = first;
  EXPECT_EQ(RunRecord(part).moment(), first);
  { EXPECT_NE(RunRecord(info()).moment(), first) << "no result: a new run"; }
  RunRecord(part).finish();
  leave_result();
  EXPECT_EQ(RunRecord(info()).moment(), first);
  EXPECT_EQ(read()["moment"], "2020-01-02T03:04:05");

  Json older = read();  // of a version that recorded none
  older.erase("moment");
  older["earlier"] = Json::array({{{"started", "2019-05-06T12:00:00Z"}}});
  write_json_file(out_ / "run.json", older);
  EXPECT_EQ(RunRecord(info()).moment(), Moment::parse_utc("2019-05-06T12:00:00Z"));
}

TEST_F(RunRecordTest, OwnFilesAreKeptFromStartToStart) {
  const Json files = Json::array({{{"name", "model.safetensors"}}});
  { RunRecord(info()).set_own_files(files); }
  EXPECT_EQ(RunRecord(info()).own_files(), files);
  EXPECT_EQ(RunRecord(info()).own_files(), files);
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
