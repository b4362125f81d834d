// Prompts of suite helmet against those that HELMET's own loaders built. The data:
// RETMASK_EVAL_TINY, or ../shared/eval/tiny.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "helmet_example.h"
#include "helmet_tasks.h"
#include "retmask/base/error.h"

namespace retmask::eval::helmet {
namespace {

std::filesystem::path tiny_folder() {
  const char* given = std::getenv("RETMASK_EVAL_TINY");
  return given != nullptr ? given : RETMASK_SHARED_DIR "/eval/tiny";
}

// The task of a line of expected_prompts.jsonl.
Task configured_task(const Json& line) {
  const auto name = parse_dataset_name(line.at("dataset").get<std::string>());
  EXPECT_TRUE(name) << line.at("dataset");
  Task task = make_task(name.value(), /*length=*/8192);
  const Json& config = line.at("config");
  if (config.contains("test_file") && config["test_file"].is_string())
    task.test_file = config["test_file"];
  for (const char* key : {"demo_file", "train_file"}) {
    if (config.contains(key)) task.demo_file = config[key];
  }
  const Json& max_samples = config.at("max_test_samples");
  task.max_samples = max_samples.is_null() ? 0 : max_samples.get<int64_t>();
  task.shots = config.at("shots");
  task.seed = config.at("seed");
  return task;
}

Json as_expected(const Task& task, const Example& example) {
  return {{"prompt", prompt_text(task, example)},
          {"user", user_text(task, example)},
          {"prefix", answer_start(task, example)},
          {"context", example.text("context")},
          {"question", example.text("question")},
          {"answer", example.gold}};
}

TEST(HelmetPromptsTest, EqualThoseOfTheOriginalLoaders) {
  const std::filesystem::path file = tiny_folder() / "expected_prompts.jsonl";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not here; set RETMASK_EVAL_TINY";
  const DataFolder data(tiny_folder());
  int64_t equal = 0;
  int64_t total = 0;
  for_each_json_line(file, "expected prompts", [&](const Json& line, int64_t number) {
    const Task task = configured_task(line);
    const std::vector<Example> examples = load_examples({task, data, {}});
    const Json& rows = line.at("rows");
    EXPECT_EQ(examples.size(), rows.size()) << "line " << number << ": " << task.dataset;
    total += static_cast<int64_t>(rows.size());
    for (size_t i = 0; i < std::min(examples.size(), rows.size()); ++i) {
      const Json actual = as_expected(task, examples[i]);
      bool same = true;
      for (const auto& [key, value] : rows[i].items()) {
        EXPECT_EQ(actual.value(key, Json()), value)
            << "line " << number << ": " << task.dataset << ", row " << i << ": " << key;
        same = same && actual.value(key, Json()) == value;
      }
      equal += same;
    }
  });
  std::cout << "  prompts: " << equal << " of " << total << " equal" << std::endl;
  EXPECT_GT(total, 0);
}

TEST(HelmetTaskTest, FollowsTheTable) {
  const auto at = [](const char* name, int64_t length) {
    return make_task(parse_dataset_name(name).value(), length);
  };
  EXPECT_EQ(at("alce_asqa", 131072).dataset, "alce_asqa_700");
  EXPECT_EQ(at("alce_asqa_5", 131072).dataset, "alce_asqa_5");
  EXPECT_EQ(at("icl_trec_fine", 65536).dataset, "icl_trec_fine_3200shot_balance");
  EXPECT_EQ(at("narrativeqa", 131072).dataset, "narrativeqa_130772");
  EXPECT_EQ(at("kilt_popqa_3", 8192).dataset, "kilt_popqa_3");
  EXPECT_EQ(at("json_kv", 32768).test_file, "data/json_kv/test_k440_dep6.jsonl");
  EXPECT_EQ(at("icl_nlu", 8192).max_samples, 500);
  // Lengths beside the table: the next longer one, which is then cut; long documents follow.
  EXPECT_EQ(at("json_kv", 9000).test_file, "data/json_kv/test_k220_dep6.jsonl");
  EXPECT_EQ(at("multi_lexsum", 10000).dataset, "multi_lexsum_9300");
  EXPECT_EQ(at("icl_nlu", 1024).dataset, "icl_nlu_510shot_balance");
  for (const char* name : {"kilt", "alce_asqa_", "alce_asqa_x", "icl_nlu_5shot", "json_kv_3"}) {
    EXPECT_FALSE(parse_dataset_name(name)) << name;
  }
}

TEST(HelmetTaskTest, TakesOtherFilesThanTheTables) {
  const TaskRequest request = parse_task_request("msmarco_rerank_psg:a/k5.jsonl:a/k3.jsonl");
  EXPECT_EQ(request.name.base, "msmarco_rerank_psg");
  EXPECT_EQ(request.test_file, "a/k5.jsonl");
  EXPECT_EQ(request.demo_file, "a/k3.jsonl");
  EXPECT_THROW(parse_task_request("msmarco"), UserError);
  EXPECT_THROW(parse_task_request("json_kv:"), UserError);
}

TEST(HelmetPreparedTest, TakesRowsThatAreProcessedAlready) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "helmet_prepared";
  std::filesystem::create_directories(folder);
  write_json_lines(
      folder / "rows.jsonl",
      {{{"id", 7}, {"context", "c"}, {"demos", "d "}, {"question", "q"}, {"answer", {"a"}}}});
  Task task = make_task({.base = "kilt_nq", .size = {}}, /*length=*/8192);
  task.test_file = "rows.jsonl";
  const std::vector<Example> examples = load_examples({task, DataFolder(folder), {}});
  ASSERT_EQ(examples.size(), 1);
  EXPECT_EQ(examples[0].key, "7");
  EXPECT_EQ(examples[0].gold, Json({"a"}));
  EXPECT_TRUE(prompt_text(task, examples[0]).ends_with("\n\nd c\n\nQuestion: q\nAnswer:"));
}

}  // namespace
}  // namespace retmask::eval::helmet
