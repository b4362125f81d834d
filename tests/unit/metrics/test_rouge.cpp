// ROUGE-1 and its stemmer against rouge_score and nltk (tests/golden/make_rouge_golden.py).

#include <gtest/gtest.h>

#include "porter_stemmer.h"
#include "retmask/metrics/rouge.h"
#include "unit/support/golden_files.h"

namespace retmask {
namespace {

const Json& golden() {
  static const Json instance = testing::golden_json("rouge.json");
  return instance;
}

void expect_score(const Json& expected, const RougeScore& actual, const std::string& pair) {
  EXPECT_DOUBLE_EQ(actual.precision, expected[0].get<double>()) << pair;
  EXPECT_DOUBLE_EQ(actual.recall, expected[1].get<double>()) << pair;
  EXPECT_DOUBLE_EQ(actual.fmeasure, expected[2].get<double>()) << pair;
}

TEST(PorterStemmer, EqualsNltk) {
  ASSERT_GE(golden()["stems"].size(), 1400u);
  for (const Json& row : golden()["stems"]) {
    const auto word = row[0].get<std::string>();
    EXPECT_EQ(porter_stem(word), row[1].get<std::string>()) << word;
  }
}

TEST(Rouge, EqualsRougeScore) {
  ASSERT_EQ(golden()["pairs"].size(), 200u);
  for (const Json& pair : golden()["pairs"]) {
    const auto target = pair["target"].get<std::string>();
    const auto prediction = pair["prediction"].get<std::string>();
    expect_score(pair["plain"], rouge1(target, prediction, {.use_stemmer = false}), pair.dump());
    expect_score(pair["stemmed"], rouge1(target, prediction, {.use_stemmer = true}), pair.dump());
  }
}

TEST(Rouge, StemsOnlyTokensOfMoreThanThreeCharacters) {
  const std::vector<std::string> expected = {"was", "wa", "run", "the", "2nd"};
  EXPECT_EQ(rouge_tokenize("Was wa-running THE 2nd", {.use_stemmer = true}), expected);
}

}  // namespace
}  // namespace retmask
