#include <gtest/gtest.h>

#include <map>

#include "retmask/base/part.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/files.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

namespace fs = std::filesystem;
using Variables = std::map<std::string, std::string>;

std::string part_in(const Variables& variables) {
  const auto part = part_from_slurm([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
  return part ? part->name() : "none";
}

Variables array(const std::string& id,
                const std::string& least,
                const std::string& most,
                const std::string& step,
                const std::string& count) {
  return {{"SLURM_ARRAY_TASK_ID", id},
          {"SLURM_ARRAY_TASK_MIN", least},
          {"SLURM_ARRAY_TASK_MAX", most},
          {"SLURM_ARRAY_TASK_STEP", step},
          {"SLURM_ARRAY_TASK_COUNT", count}};
}

Variables step(const std::string& process, const std::string& tasks) {
  return {{"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", process}, {"SLURM_NTASKS", tasks}};
}

TEST(PartFromSlurm, OutsideOrAloneThereIsNone) {
  EXPECT_EQ(part_in({}), "none");
  EXPECT_EQ(part_in(step("0", "1")), "none");
  EXPECT_EQ(part_in(array("7", "7", "7", "1", "1")), "none");
  EXPECT_EQ(part_in({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}), "none")
      << "a batch script runs once, however many tasks its job has";
}

TEST(PartFromSlurm, AShellInAJobDoesTheWhole) {
  Variables shell = step("0", "8");
  shell["SLURM_STEP_NUM_TASKS"] = "8";
  EXPECT_EQ(part_in(shell), "0/8");
  shell["SLURM_PTY_PORT"] = "40000";
  EXPECT_EQ(part_in(shell), "none");
  shell = step("0", "8");
  shell["SLURM_STEP_NUM_TASKS"] = "1";
  EXPECT_EQ(part_in(shell), "none");
  shell["SLURM_STEP_NUM_TASKS"] = "2";
  shell["SLURM_PROCID"] = "3";
  expect_user_error([&] { part_in(shell); }, {"SLURM_PROCID is 3", "SLURM_STEP_NUM_TASKS"});
}

TEST(PartFromSlurm, TasksOfAnArray) {
  EXPECT_EQ(part_in(array("0", "0", "3", "1", "4")), "0/4");
  EXPECT_EQ(part_in(array("4", "1", "4", "1", "4")), "3/4");
  EXPECT_EQ(part_in(array("20", "10", "30", "5", "5")), "2/5");
  for (const auto& gaps : {array("7", "1", "7", "1", "3"), array("12", "10", "30", "5", "5")}) {
    expect_user_error([&] { part_in(gaps); }, {"gaps", "--shard i/n"});
  }
  expect_user_error([] { part_in(array("x", "0", "3", "1", "4")); },
                    {"SLURM_ARRAY_TASK_ID", "\"x\""});
}

TEST(PartFromSlurm, TasksOfAStepAndOfStepsInAnArray) {
  EXPECT_EQ(part_in(step("2", "8")), "2/8");
  Variables both = array("1", "0", "2", "1", "3");
  both.merge(step("2", "4"));
  EXPECT_EQ(part_in(both), "6/12");
}

TEST(CutIntoPieces, KeepsNeighboursTogetherInPiecesOfEqualWeight) {
  using Pieces = std::vector<std::vector<size_t>>;
  const std::vector<size_t> order = {0, 2, 4, 1, 3, 5, 6};
  const std::vector<size_t> weights = {4, 4, 4, 4, 4, 4, 24};
  EXPECT_EQ(cut_into_pieces(order, weights, 1), (Pieces{{0, 1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(cut_into_pieces(order, weights, 2), (Pieces{{0, 1, 2, 3, 4, 5}, {6}}));
  EXPECT_EQ(cut_into_pieces(order, weights, 4), (Pieces{{0, 2, 4}, {1, 3, 5}, {}, {6}}));
  EXPECT_EQ(cut_into_pieces({}, {}, 2), (Pieces{{}, {}}));
}

class PartsTest : public ::testing::Test {
 protected:
  void make_part(const std::string& name) const {
    fs::create_directories(dir_ / name);
    testing::write_text(dir_ / name / "run.json", "{}");
  }
  const testing::TempDir dir_;
};

TEST_F(PartsTest, EachHasAFolderOfItsOwn) {
  EXPECT_EQ(part_dir(dir_.path(), {0, 1}, "answers.jsonl"), dir_.path());
  EXPECT_EQ(part_dir(dir_.path(), {2, 4}, "answers.jsonl"), dir_ / "shard-2-of-4");
  EXPECT_EQ(part_dir(dir_ / "new", {0, 4}, "answers.jsonl"), dir_ / "new/shard-0-of-4");
  make_part("shard-0-of-4");
  EXPECT_EQ(part_dir(dir_.path(), {2, 4}, "answers.jsonl"), dir_ / "shard-2-of-4");
  expect_user_error(
      [&] {
        part_dir(dir_.path(), {0, 1}, "answers.jsonl");
      },
      {"parts of 4", "--shard i/4"});
  expect_user_error(
      [&] {
        part_dir(dir_.path(), {0, 3}, "answers.jsonl");
      },
      {"parts of 4", "part 0/3"});
  testing::write_text(dir_ / "answers.jsonl", "");  // as a merged run of other commands has it
  EXPECT_EQ(part_dir(dir_.path(), {2, 4}, "answers.jsonl"), dir_ / "shard-2-of-4");
  fs::create_directories(dir_ / "whole");
  testing::write_text(dir_ / "whole/answers.jsonl", "");
  expect_user_error(
      [&] {
        part_dir(dir_ / "whole", {0, 3}, "answers.jsonl");
      },
      {"single worker", "--out"});
}

TEST_F(PartsTest, AllAreFoundOrTheMissingOneIsNamed) {
  expect_user_error([&] { find_parts(dir_ / "none"); }, {"none", "no parts"});
  for (const char* name : {"shard-0-of-3", "shard-2-of-3", "shard-x-of-3", "notes"}) {
    make_part(name);
  }
  expect_user_error([&] { find_parts(dir_.path()); }, {"part 1/3 is missing", "--shard 1/3"});
  fs::create_directories(dir_ / "shard-1-of-3");
  expect_user_error([&] { find_parts(dir_.path()); }, {"part 1/3 is missing"});
  make_part("shard-1-of-3");
  EXPECT_EQ(
      find_parts(dir_.path()),
      (std::vector<fs::path>{dir_ / "shard-0-of-3", dir_ / "shard-1-of-3", dir_ / "shard-2-of-3"}));
  make_part("shard-1-of-2");
  expect_user_error([&] { find_parts(dir_.path()); }, {"parts of 2 and of 3"});
}

}  // namespace
}  // namespace retmask
