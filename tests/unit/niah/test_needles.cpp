#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/metrics/rouge.h"
#include "retmask/niah/needles.h"
#include "unit/support/temp_dir.h"

namespace fs = std::filesystem;

namespace retmask::niah {
namespace {

class NeedlesTest : public ::testing::Test {
 protected:
  fs::path write(const fs::path& name, const std::string& text) {
    fs::create_directories((dir_ / name).parent_path());
    write_file_atomic(dir_ / name, text);
    return dir_ / name;
  }

  std::string error_of(const fs::path& path) {
    try {
      read_needles(path);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  const testing::TempDir dir_;
};

TEST_F(NeedlesTest, ReadsTheOfficialFormat) {
  const fs::path path =
      write("needles.jsonl",
            R"({"needle": "The key is red.", "question": "Which ?", "real_needle": "red"})"
            "\n");
  const std::vector<Needle> needles = read_needles(path);
  ASSERT_EQ(needles.size(), 1u);
  EXPECT_EQ(needles[0].needle, "The key is red.");
  EXPECT_EQ(needles[0].question, "Which ?");
  EXPECT_EQ(needles[0].real_needle, "red");
}

TEST_F(NeedlesTest, NamesFileAndLineOfAMistake) {
  const fs::path path = write("bad.jsonl", "\n{\"needle\": \"a\", \"question\": \"b\"}\n");
  EXPECT_EQ(error_of(path), path.string() + ":2: \"real_needle\" is missing");
  EXPECT_NE(error_of(write("array.jsonl", "[1]\n")).find(":1: expected {"), std::string::npos);
  EXPECT_NE(error_of(write("empty.jsonl", "")).find("is empty"), std::string::npos);
  EXPECT_NE(error_of(dir_ / "none.jsonl").find("does not exist"), std::string::npos);
}

TEST_F(NeedlesTest, JoinsTheTextsOfAFolderByName) {
  write("hay/b.txt", "second");
  write("hay/a.txt", "first");
  write("hay/notes.md", "not text of the haystack");
  const std::vector<std::string> expected(2, "first\nsecond");
  EXPECT_EQ(read_haystacks(dir_ / "hay", 2), expected);
}

TEST_F(NeedlesTest, TakesPartNForNeedleN) {
  write("hay/part1/p1.txt", "one");
  write("hay/part2/p1.txt", "two");
  const std::vector<std::string> expected = {"one", "two"};
  EXPECT_EQ(read_haystacks(dir_ / "hay", 2), expected);
  EXPECT_THROW(read_haystacks(dir_ / "hay", 3), UserError);
}

TEST_F(NeedlesTest, RefusesAFolderWithoutText) {
  fs::create_directories(dir_ / "hay");
  EXPECT_THROW(read_haystacks(dir_ / "hay", 1), UserError);
  EXPECT_THROW(read_haystacks(dir_ / "none", 1), UserError);
}

// Words that carry meaning, stemmed.
std::set<std::string> content_words(const std::string& text) {
  static const std::set<std::string> kFunctionWords = {
      "a",     "able", "as",   "be",  "been",   "can", "does",   "for",  "from",
      "has",   "her",  "he",   "his", "how",    "in",  "is",     "it",   "of",
      "on",    "one",  "or",   "she", "to",     "was", "what",   "when", "where",
      "which", "who",  "with", "not", "should", "the", "cannot", "lot"};
  std::set<std::string> words;
  for (const std::string& word : rouge_tokenize(text, {.use_stemmer = true})) {
    if (!kFunctionWords.contains(word)) words.insert(word);
  }
  return words;
}

TEST(BuiltinNeedles, AnswerLiesInTheNeedleAndNotInTheHaystack) {
  const std::string haystack = builtin_haystack();
  const std::vector<Needle> needles = builtin_needles("all").value();
  ASSERT_EQ(needles.size(), 24u);
  std::set<std::string> answers;
  for (const Needle& needle : needles) {
    EXPECT_NE(needle.needle.find(needle.real_needle), std::string::npos) << needle.needle;
    EXPECT_EQ(haystack.find(needle.real_needle), std::string::npos) << needle.needle;
    EXPECT_TRUE(needle.needle.ends_with('.'));
    EXPECT_TRUE(answers.insert(needle.real_needle).second);
  }
  EXPECT_EQ(builtin_needles("few").value().size(), 3u);
  EXPECT_EQ(builtin_needles("literal").value().size(), 12u);
  EXPECT_EQ(builtin_needles("few").value()[2].question, needles[2].question);
  EXPECT_FALSE(builtin_needles("short").has_value());
}

TEST(BuiltinNeedles, DevAndTestAreHalvesOfAll) {
  const auto questions_of = [](const char* set) {
    std::set<std::string> questions;
    const std::vector<Needle> needles = builtin_needles(set).value();
    for (const Needle& needle : needles) questions.insert(needle.question);
    return questions;
  };
  const std::set<std::string> dev = questions_of("dev");
  std::set<std::string> both = questions_of("test");
  EXPECT_EQ(dev.size(), 12u);
  EXPECT_EQ(both.size(), 12u);
  for (const char* half : {"dev", "test"}) {
    int literal = 0;
    for (const std::string& question : questions_of(half))
      literal += questions_of("literal").contains(question);
    EXPECT_EQ(literal, 6) << half;
  }
  both.insert(dev.begin(), dev.end());  // 24 only if they are disjoint
  EXPECT_EQ(both, questions_of("all"));
}

TEST(BuiltinNeedles, QuestionsShareWordsWithLiteralNeedlesOnly) {
  for (const char* set : {"literal", "non-literal"}) {
    const std::vector<Needle> needles = builtin_needles(set).value();
    ASSERT_EQ(needles.size(), 12u);
    for (const Needle& needle : needles) {
      std::set<std::string> common;
      const std::set<std::string> in_needle = content_words(needle.needle);
      for (const std::string& word : content_words(needle.question)) {
        if (in_needle.contains(word)) common.insert(word);
      }
      EXPECT_EQ(common.empty(), set == std::string("non-literal"))
          << needle.question << ": " << ::testing::PrintToString(common);
    }
  }
}

TEST(BuiltinHaystack, FillsTheDefaultGridOnce) {
  const std::string haystack = builtin_haystack();
  std::istringstream words(haystack);
  int64_t count = 0;
  for (std::string word; words >> word;) ++count;
  EXPECT_GE(count, 8000);
  // One line per paragraph, separated by empty lines.
  EXPECT_EQ(haystack.find("\n\n\n"), std::string::npos);
  EXPECT_NE(haystack.find("rowing boat with a cracked thwart.\n\nI took it first"),
            std::string::npos);
}

TEST(NeedlesAndHaystacks, FingerprintTellsContentsApart) {
  NeedlesAndHaystacks data = load_needles_and_haystacks("", "");
  ASSERT_EQ(data.haystacks.size(), data.needles.size());
  const std::string before = data.fingerprint();
  EXPECT_EQ(load_needles_and_haystacks("", "").fingerprint(), before);
  data.haystacks[2] += " ";
  EXPECT_NE(data.fingerprint(), before);
}

}  // namespace
}  // namespace retmask::niah
