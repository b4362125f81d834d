#include <gtest/gtest.h>

#include "regex_dialect.h"
#include "regular_expression.h"
#include "unit/support/expect_user_error.h"

namespace retmask::text {
namespace {

std::vector<std::string> matches(const Regex& regex, const std::string& text) {
  std::vector<std::string> found;
  RegexSearch search(regex);
  search.start(text);
  while (const auto match = search.next())
    found.push_back(text.substr(match->begin, match->end - match->begin));
  return found;
}

using Strings = std::vector<std::string>;

TEST(Regex, WalksOverMatches) {
  const Regex regex = Regex::compile(R"(\p{L}+|\p{N}{1,3})", "test");
  EXPECT_EQ(matches(regex, "año 12345, 你好"), (Strings{"año", "123", "45", "你好"}));
  EXPECT_EQ(matches(regex, ""), Strings{});
}

TEST(Regex, EmptyMatchesDoNotStickToOthers) {
  EXPECT_EQ(matches(Regex::compile("x*", "test"), "axxé"), (Strings{"", "xx", ""}));
}

TEST(Regex, ClassesAreOnigurumas) {
  EXPECT_EQ(matches(Regex::compile(R"(\s)", "test"), "a\u0085b\u180Ec\u3000"),
            (Strings{"\u0085", "\u3000"}));
  EXPECT_EQ(matches(Regex::compile(R"(\p{L})", "test"), "\U00031350"), Strings{"\U00031350"});
  // U+3001 is shared by Han texts and others: Oniguruma tests the script itself.
  EXPECT_EQ(matches(Regex::compile(R"(\p{Han})", "test"), "世\u3001"), Strings{"世"});
  EXPECT_EQ(matches(Regex::compile("(?i:'s)", "test"), "'S'\u017F'x"), (Strings{"'S", "'\u017F"}));
  EXPECT_EQ(matches(Regex::compile(".", "test"), "\r\n"), Strings{"\r"});
}

TEST(Regex, LiteralsAreNoPatterns) {
  EXPECT_EQ(matches(Regex::literal("a.b\\(▁"), "a.b\\(▁ axb"), Strings{"a.b\\(▁"});
}

TEST(Regex, ASearchWithoutEndNamesThePattern) {
  const Regex regex = Regex::compile("(a+)+b", "x/tokenizer.json: pre_tokenizer");
  expect_user_error([&] { matches(regex, std::string(500, 'a') + "cb"); },
                    {"x/tokenizer.json: pre_tokenizer", "regular expression", "502 bytes"});
  EXPECT_EQ(matches(regex, "aab"), Strings{"aab"});
}

// Repeated groups need more than the stack of PCRE2's JIT-compiled code.
TEST(Regex, LongMatchesAreFound) {
  const std::string text(200000, 'a');
  EXPECT_EQ(matches(Regex::compile("(?:(a)|(b)|c)+", "test"), text), Strings{text});
}

TEST(RegexDialect, TranslatesWhatIsWrittenOtherwise) {
  EXPECT_EQ(oniguruma_to_pcre(R"([\p{Han}\p{^L}]\u4e00\P{Lu})", "test"),
            R"([\p{sc:Han}\p{^L}]\x{4e00}\P{Lu})");
  EXPECT_EQ(oniguruma_to_pcre("a{,3}b{,2}?c{1,2}?d{2,}?", "test"), "a{0,3}b{0,2}?c{1,2}?d{2,}?");
  EXPECT_EQ(oniguruma_to_pcre("a{}b{,}c{x}d{ 2}e{2, 3}", "test"),
            R"(a\{}b\{,}c\{x}d\{ 2}e\{2, 3})");
  const std::string alike =
      R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s]+[\r\n]*|\s+(?!\S)|\.\[)";
  EXPECT_EQ(oniguruma_to_pcre(alike, "test"), alike);
}

TEST(RegexDialect, RefusesWhatTheTwoReadDifferently) {
  for (const char* pattern : {R"(\w+)",
                              R"(\h)",
                              R"(\bx)",
                              "^a",
                              "a$",
                              "[a[bc]]",
                              "[a&&b]",
                              "[]a]",
                              "(?m:.)",
                              "(?i)a",
                              "(?<n>a)",
                              R"(\p{N}{1,3}+)",
                              R"(\p{N}{3}?)",
                              R"(\pL)",
                              R"(\x41)",
                              "a\\"}) {
    expect_user_error([&] { Regex::compile(pattern, "the place"); },
                      {"the place", pattern, "not supported"});
  }
}

TEST(Regex, RefusesWhatDoesNotCompile) {
  expect_user_error([] { Regex::compile("(a", "the place"); }, {"the place", "(a", "not valid"});
  expect_user_error([] { Regex::compile(R"(\p{Klingon})", "the place"); },
                    {"the place", "not valid"});
}

}  // namespace
}  // namespace retmask::text
