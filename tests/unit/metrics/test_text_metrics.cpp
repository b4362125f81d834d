// ROUGE-2, ROUGE-L and ROUGE-Lsum against rouge_score, and the ratio against difflib
// (tests/golden/make_text_metrics_golden.py); equality of mathematical answers;
// HELMET's draws.

#include <gtest/gtest.h>

#include "retmask/metrics/helmet_draws.h"
#include "retmask/metrics/math_value.h"
#include "retmask/metrics/rouge.h"
#include "retmask/metrics/sequence_ratio.h"
#include "unit/support/golden_files.h"

namespace retmask {
namespace {

const Json& text_golden() {
  static const Json instance = testing::golden_json("text_metrics.json");
  return instance;
}

void expect_scores(const Json& expected, const Json& row, const RougeOptions& options) {
  const auto target = row["target"].get<std::string>();
  const auto prediction = row["prediction"].get<std::string>();
  const RougeScore scores[] = {rouge2(target, prediction, options),
                               rouge_l(target, prediction, options),
                               rouge_lsum(target, prediction, options)};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(scores[i].precision, expected[i][0].get<double>()) << i << " " << row.dump();
    EXPECT_DOUBLE_EQ(scores[i].recall, expected[i][1].get<double>()) << i << " " << row.dump();
    EXPECT_DOUBLE_EQ(scores[i].fmeasure, expected[i][2].get<double>()) << i << " " << row.dump();
  }
}

TEST(TextMetrics, RougeEqualsRougeScore) {
  ASSERT_EQ(text_golden()["rouge"].size(), 150u);
  for (const Json& row : text_golden()["rouge"]) {
    expect_scores(row["plain"], row, {.use_stemmer = false});
    expect_scores(row["stemmed"], row, {.use_stemmer = true});
  }
}

TEST(TextMetrics, RatioEqualsDifflib) {
  ASSERT_EQ(text_golden()["ratios"].size(), 120u);
  for (const Json& row : text_golden()["ratios"]) {
    EXPECT_DOUBLE_EQ(metrics::sequence_ratio(row[0].get<std::string>(), row[1].get<std::string>()),
                     row[2].get<double>())
        << row.dump();
  }
}

struct MathPair {
  const char* a;
  const char* b;
};

TEST(MathValue, EqualAnswers) {
  const MathPair pairs[] = {
      {"\\frac12", "0.5"},
      {"\\frac{\\pi}{2}", "\\pi/2"},
      {"x^2+2x+1", "(x+1)^2"},
      {"\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\frac{\\pi}{2})"},
      {"\\{1,2\\}", "\\{2,1\\}"},
      {"1,2", "2, 1"},
      {"x=5", "5"},
      {"10{,}000", "10000"},
      {"50\\%", "0.5"},
      {"50\\%", "50"},
      {"\\text{Evelyn}", "Evelyn"},
      {"2\\sqrt{3}", "\\sqrt{12}"},
      {"\\sqrt[3]{8}", "2"},
      {"5\\text{ cm}", "5"},
      {"2\\frac12", "5/2"},
      {"\\frac{1}{2}i+3", "3+\\frac{i}{2}"},
      {"y=2x+3", "2x-y+3=0"},
      {"[1,2)\\cup(3,\\infty)", "(3,\\infty)\\cup[1,2)"},
      {"\\begin{pmatrix} 1/2 \\\\ 3 \\end{pmatrix}", "\\begin{pmatrix}\\frac12\\\\3\\end{pmatrix}"},
      {"\\log_2 8", "3"},
      {"10!", "3628800"}};
  for (const auto& [a, b] : pairs) EXPECT_TRUE(metrics::is_equal_math(a, b)) << a << " " << b;
  EXPECT_TRUE(metrics::is_equal_math("1/3", "0.33333", {.decimals = 5}));
}

TEST(MathValue, UnequalAnswers) {
  const std::string many(5000, '(');
  const MathPair pairs[] = {{"\\frac12", "0.51"},
                            {"(1,2)", "(2,1)"},
                            {"[1,2)", "(1,2)"},
                            {"x+1", "x+2"},
                            {"1,2", "1,2,3"},
                            {"9007199254740993", "9007199254740992"},
                            {"", "5"},
                            {"\\frac{1}{0}", "\\frac{2}{0}"},
                            {"2516_8", "2516"},
                            {"1/3", "0.33333"},
                            {many.c_str(), "2"}};
  for (const auto& [a, b] : pairs) EXPECT_FALSE(metrics::is_equal_math(a, b)) << a << " " << b;
}

// random.Random(42).sample(sorted(keys), 3)
TEST(HelmetDraws, KeysAreSortedAsNumbersOrAsTexts) {
  std::vector<Json> numbers, texts;
  for (const int64_t key : {100, 9, 10, 1000, 7, 101, 80, 9}) {
    numbers.emplace_back(key);
    texts.emplace_back(std::to_string(key));
  }
  EXPECT_EQ(metrics::helmet_select_keys(numbers, 3, 42), (std::vector<Json>{101, 7, 1000}));
  EXPECT_EQ(metrics::helmet_select_keys(texts, 3, 42), (std::vector<Json>{"80", "10", "9"}));
}

}  // namespace
}  // namespace retmask
