// Our metrics against answers of the original functions: HELMET, ALCE, NLTK, rouge_score,
// trec_eval, numpy, CPython, lm-evaluation-harness, simple-evals, lighteval, human-eval, MMLU-Pro
// and FastChat. The file: RETMASK_EVAL_FIXTURES, or ../shared/eval/fixtures.jsonl.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <set>

#include "fixture_functions.h"

namespace retmask {
namespace {

using testing::FixtureFunctions;

// Tested in tests/unit/eval/test_helmet_truncate.cpp: they need a tokenizer and a chat template.
const std::set<std::string> kElsewhere = {
    "helmet_truncate_prompt", "helmet_truncate_llama2_rule", "chat_user_only"};

std::filesystem::path fixtures_file() {
  const char* given = std::getenv("RETMASK_EVAL_FIXTURES");
  return given != nullptr ? given : RETMASK_SHARED_DIR "/eval/fixtures.jsonl";
}

bool is_number(const Json& value) { return value.is_number() || value.is_boolean(); }

double number(const Json& value) {
  return value.is_boolean() ? static_cast<double>(value.get<bool>()) : value.get<double>();
}

bool equals(const Json& expected, const Json& actual) {
  if (is_number(expected) && is_number(actual)) {
    return std::fabs(number(expected) - number(actual)) <= 1e-9;
  }
  if (expected.type() != actual.type()) return false;
  if (expected.is_array() || expected.is_object()) {
    if (expected.size() != actual.size()) return false;
    for (const auto& [key, value] : expected.items()) {
      const Json* other = nullptr;
      if (expected.is_array()) {
        other = &actual.at(std::stoul(key));
      } else if (actual.contains(key)) {
        other = &actual.at(key);
      }
      if (other == nullptr || !equals(value, *other)) return false;
    }
    return true;
  }
  return expected == actual;
}

FixtureFunctions all_functions() {
  FixtureFunctions functions;
  testing::add_answer_functions(functions);
  testing::add_alce_functions(functions);
  testing::add_judge_functions(functions);
  testing::add_draw_functions(functions);
  testing::add_benchmark_functions(functions);
  return functions;
}

struct Count {
  int64_t total = 0;
  int64_t passed = 0;
  int64_t unavailable = 0;
};

TEST(EvalFixtures, EqualTheOriginalFunctions) {
  if (!std::filesystem::exists(fixtures_file())) {
    GTEST_SKIP() << fixtures_file() << " is not here; set RETMASK_EVAL_FIXTURES";
  }
  const FixtureFunctions functions = all_functions();
  std::map<std::string, Count> counts;
  std::set<std::string> reasons;
  for_each_json_line(fixtures_file(), "fixtures", [&](const Json& row, int64_t line) {
    const auto name = row.at("fn").get<std::string>();
    Count& count = counts[name];
    ++count.total;
    const auto found = functions.find(name);
    if (found == functions.end()) {
      EXPECT_TRUE(kElsewhere.contains(name)) << "line " << line << ": no function " << name;
      return;
    }
    const Json& expected = row.at("expected");
    const bool raises = expected.is_object() && expected.contains("__raises__");
    Json actual;
    try {
      actual = found->second(row.at("args"));
    } catch (const testing::Unavailable& error) {
      ++count.unavailable;
      reasons.insert(error.what());
      return;
    } catch (const std::exception& error) {
      count.passed += raises;
      EXPECT_TRUE(raises) << "line " << line << ": " << name << ": " << error.what();
      return;
    }
    const bool equal = !raises && equals(expected, actual);
    count.passed += equal;
    EXPECT_TRUE(equal) << "line " << line << ": " << name << row.at("args").dump().substr(0, 600)
                       << "\n  expected " << expected.dump().substr(0, 600) << "\n  actual   "
                       << actual.dump().substr(0, 600);
  });
  Count all;
  for (const auto& [name, count] : counts) {
    std::cout << "  " << name << ": " << count.passed << " of " << count.total
              << (kElsewhere.contains(name) ? " (in test_eval: HelmetTruncateTest)" : "")
              << (count.unavailable > 0 ? " (data missing)" : "") << "\n";
    all.total += count.total;
    all.passed += count.passed;
  }
  std::cout << "  all: " << all.passed << " of " << all.total << std::endl;
  for (const std::string& reason : reasons) std::cout << "  " << reason << std::endl;
  EXPECT_GT(all.total, 0);
}

}  // namespace
}  // namespace retmask
