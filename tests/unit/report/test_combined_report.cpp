#include <gtest/gtest.h>

#include "retmask/base/file.h"
#include "retmask/base/json.h"
#include "retmask/report/combined_report.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

// Output folders of the commands, with the few rows that the report needs.
class CombinedReport : public ::testing::Test {
 protected:
  fs::path make_run(const std::string& name,
                    const std::string& command,
                    const Json& options = Json::object()) {
    const fs::path dir = folder_ / name;
    fs::create_directories(dir);
    write_json_file(dir / "run.json",
                    {{"command", command},
                     {"version", "0.1.0"},
                     {"git", "abc"},
                     {"status", "done"},
                     {"started", "2026-01-01T00:00:00Z"},
                     {"seconds", 61.0},
                     {"device", "cpu"},
                     {"threads", 2},
                     {"options", options},
                     {"inputs", {{"model", "f00d"}}},
                     {"throughput", {{"tokens_per_second", 12.5}}},
                     {"earlier", {{{"started", "x"}, {"seconds", 59.0}, {"status", "failed"}}}}});
    return dir;
  }

  fs::path make_detection() {
    const fs::path dir = make_run("detect", "detect", {{"threshold", 0.1}});
    write_json_file(dir / "head_scores.json",
                    {{"0-0", {0.5, 1.0}}, {"0-1", {0, 0}}, {"1-0", {0, 0.1}}, {"1-1", {0, 0}}});
    write_json_file(dir / "summary.json", {{"heads", Json::array()}});
    const auto sample = [](double depth, bool right) -> Json {
      return {{"needle", 0},
              {"length", 512},
              {"depth_fraction", depth},
              {"right", right},
              {"answer", "Eat."}};
    };
    write_json_lines(dir / "samples.jsonl", {sample(0, true), sample(1, false)});
    return dir;
  }

  fs::path make_mask(const std::string& name, const std::string& select, const Json& heads) {
    const fs::path dir = make_run(name, "mask");
    write_json_file(dir / "mask.json",
                    {{"heads", heads}, {"select", select}, {"mean_scores", {0.75}}});
    return dir;
  }

  fs::path make_niah(const std::string& name, int64_t success) {
    const fs::path dir = make_run(name, "eval", {{"suite", "niah"}});
    write_json_file(
        dir / "results.json",
        {{"success", success},
         {"total", 4},
         {"rate", static_cast<double>(success) / 4},
         {"cells", {{{"length", 512}, {"depth_fraction", 0.5}, {"success", success > 0}}}}});
    return dir;
  }

  fs::path make_logprob() {
    const fs::path dir = make_run("logprob", "eval", {{"suite", "logprob"}});
    write_json_file(dir / "results.json",
                    {{"rows", 2}, {"tokens", 3}, {"mean", -2.0}, {"perplexity", 7.389}});
    return dir;
  }

  fs::path make_pairs() {
    const fs::path dir = make_run("pairs", "synthesize");
    const auto message = [](const std::string& role, const std::string& text) {
      return Json::array({{{"role", role}, {"content", text}}});
    };
    const Json answer = {{"tokens", 3}, {"finish_reason", "stop"}, {"mean_logprob", -0.5}};
    std::vector<Json> rows;
    for (int i = 0; i < 7; ++i) {
      rows.push_back({{"prompt", message("user", "Who is <b>" + std::to_string(i) + "</b>?")},
                      {"chosen", message("assistant", "right")},
                      {"rejected", message("assistant", std::string(1000, 'x'))},
                      {"id", std::to_string(i)},
                      {"meta", {{"sample", 0}, {"chosen", answer}, {"rejected", answer}}}});
    }
    write_json_lines(dir / "pairs.jsonl", rows);
    const Json lengths = {{"answers", 9},
                          {"finished", 8},
                          {"runaway", 1},
                          {"tokens", 27},
                          {"mean", 3.0},
                          {"median", 3.0},
                          {"p90", 3.5},
                          {"max", 61}};
    write_json_file(
        dir / "summary.json",
        {{"pairs", {{"dropped_by_reason", {{"empty_answer", 0}, {"equal_answers", 2}}}}},
         {"chosen", lengths},
         {"rejected", lengths},
         {"length_histogram", {{"width", 50}, {"chosen", {8, 1}}, {"rejected", {5, 4}}}}});
    return dir;
  }

  fs::path make_training() {
    const fs::path dir = make_run("dpo", "train-dpo");
    std::vector<Json> rows;
    for (int step = 1; step <= 3; ++step) {
      rows.push_back({{"step", step},
                      {"loss", 0.7 - 0.1 * step},
                      {"rewards_chosen", 0.1},
                      {"rewards_rejected", -0.1},
                      {"accuracy", 1},
                      {"margin", 0.2},
                      {"grad_norm", 3},
                      {"lr", 5e-7}});
    }
    write_json_lines(dir / "metrics.jsonl", rows);
    return dir;
  }

  std::string report(const std::vector<fs::path>& runs) {
    return read_text_file(write_combined_report(runs, folder_.path()), "report");
  }

  testing::TempDir folder_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(CombinedReport, TellsTheWholeStory) {
  const std::string page = report({make_detection(),
                                   make_mask("mask-random", "non_retrieval", {{1, 1}}),
                                   make_mask("mask", "retrieval", {{0, 0}}),
                                   make_niah("niah", 3),
                                   make_niah("niah-masked", 0),
                                   make_pairs(),
                                   make_training(),
                                   make_logprob()});
  EXPECT_TRUE(contains(page, "1 of 2 answers right; best head 0-0 with score 0.75"));
  EXPECT_TRUE(contains(page, "head 0-0: 0.75, masked by mask"))
      << "not in mask-random, the control";
  EXPECT_TRUE(contains(page, "3 of 4 right (75 %)"));
  EXPECT_TRUE(contains(page, "0 of 4 right (0 %)"));
  EXPECT_TRUE(contains(page, "7 pairs"));
  EXPECT_TRUE(contains(page, "7 pairs kept; dropped: 2 equal_answers."));
  EXPECT_TRUE(contains(page, "Mean log-prob of a kept answer: -0.5 chosen, -0.5 rejected."));
  EXPECT_TRUE(contains(page, "50–99, rejected: 4"));
  EXPECT_TRUE(contains(page, "Who is &lt;b&gt;0&lt;/b&gt;?"));
  EXPECT_FALSE(contains(page, std::string(601, 'x'))) << "long answers are cut";
  EXPECT_TRUE(contains(page, "3 steps, loss 0.6 to 0.4, margin 0.2 at the end"));
  EXPECT_TRUE(contains(page, "perplexity 7.389"));
  EXPECT_TRUE(contains(page, "2:00")) << "the time of both starts";
  EXPECT_TRUE(contains(page, "f00d"));
}

TEST_F(CombinedReport, LeavesOutWhatHasNoRun) {
  const std::string page = report({make_run("report", "report"), make_niah("niah", 3)});
  EXPECT_TRUE(contains(page, "Needle test"));
  EXPECT_FALSE(contains(page, "Training"));
  EXPECT_FALSE(contains(page, "Preference pairs"));
}

TEST_F(CombinedReport, NamesRunsByPathWhenTheirFoldersAreNamedAlike) {
  const fs::path a = make_niah("a/niah", 1);
  const fs::path b = make_niah("b/niah", 2);
  const std::string page = report({a, b});
  EXPECT_TRUE(contains(page, a.string()));
  EXPECT_TRUE(contains(page, b.string()));
}

TEST_F(CombinedReport, RefusesFoldersThatAreNoRuns) {
  fs::create_directories(folder_ / "empty");
  expect_user_error([&] { report({folder_ / "empty"}); }, {"empty", "has no run.json"});
  expect_user_error([&] { report({make_run("x", "dance")}); }, {"\"dance\"", "known: detect"});
  expect_user_error([&] { report({make_run("r", "report")}); }, {"is a report itself"});
}

TEST_F(CombinedReport, NamesMissingAndBrokenFiles) {
  expect_user_error([&] { report({make_run("detect", "detect")}); },
                    {"detect run's file", "samples.jsonl", "does not exist"});
  const fs::path training = make_training();
  write_file_atomic(training / "metrics.jsonl", "{\"step\": 1}\nbroken\n");
  expect_user_error([&] { report({training}); }, {"metrics.jsonl:2"});
  write_file_atomic(training / "metrics.jsonl", "");
  expect_user_error([&] { report({training}); }, {"metrics.jsonl", "no steps"});
  const fs::path niah = make_niah("niah", 3);
  write_json_file(niah / "results.json", {{"success", 3}});
  expect_user_error([&] { report({niah}); }, {"results.json", "\"total\" is missing"});
}

}  // namespace
}  // namespace retmask
