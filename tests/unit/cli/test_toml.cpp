#include <gtest/gtest.h>

#include "toml.h"
#include "unit/support/expect_user_error.h"

namespace retmask::cli {
namespace {

TEST(Toml, ReadsSectionsValuesAndLines) {
  const auto entries = parse_toml(
      "# a comment\n"
      "seed = 1_000  # thousand\n"
      "\n"
      "[train-dpo]\n"
      "learning-rate = 5e-7\n"
      "no-shuffle = true\n"
      "\"model\" = \"a # b\\\"c\"\n"
      "out = 'C:\\x'",
      "f");
  ASSERT_EQ(entries.size(), 5U);
  EXPECT_EQ(entries[0].section, "");
  EXPECT_EQ(entries[0].key, "seed");
  EXPECT_EQ(entries[0].values, std::vector<std::string>{"1000"});
  EXPECT_EQ(entries[0].kind, TomlEntry::Kind::number);
  EXPECT_EQ(entries[0].line, 2);
  EXPECT_EQ(entries[1].section, "train-dpo");
  EXPECT_EQ(entries[1].values, std::vector<std::string>{"5e-7"});
  EXPECT_EQ(entries[2].kind, TomlEntry::Kind::boolean);
  EXPECT_EQ(entries[3].key, "model");
  EXPECT_EQ(entries[3].values, std::vector<std::string>{"a # b\"c"});
  EXPECT_EQ(entries[4].values, std::vector<std::string>{"C:\\x"});
  EXPECT_EQ(entries[4].line, 8);
}

TEST(Toml, HundredsOfThousandsOfBracketsAndKeysEnd) {
  const std::string brackets(300000, '[');
  expect_user_error([&] { parse_toml("[" + brackets, "f"); }, {"f:1"});
  expect_user_error([&] { parse_toml("heads = " + brackets, "f"); }, {"f:1", "\"heads\""});
  std::string keys;
  for (int i = 0; i < 300000; ++i) keys += "key-" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(parse_toml(keys, "f").size(), 300000U);
  expect_user_error([&] { parse_toml(keys + "key-7 = 2\n", "f"); }, {"\"key-7\" is given twice"});
}

TEST(Toml, ReadsArraysOverSeveralLines) {
  const auto entries =
      parse_toml("lengths = [512, # short\n  1024,\n]\nheads = []\nlast = [\"a,b\"]", "f");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].values, (std::vector<std::string>{"512", "1024"}));
  EXPECT_TRUE(entries[0].is_array);
  EXPECT_TRUE(entries[1].values.empty());
  EXPECT_EQ(entries[2].values, std::vector<std::string>{"a,b"});
  EXPECT_EQ(entries[2].line, 5);
}

struct BadToml {
  const char* text;
  const char* message;
};

class TomlErrors : public ::testing::TestWithParam<BadToml> {};

TEST_P(TomlErrors, NameFileAndLine) {
  expect_user_error([] { parse_toml(std::string("ok = 1\n") + GetParam().text, "run.toml"); },
                    {"run.toml:2: ", GetParam().message});
}

INSTANTIATE_TEST_SUITE_P(All,
                         TomlErrors,
                         ::testing::Values(BadToml{"depths", "expected ="},
                                           BadToml{"depths 5", "expected ="},
                                           BadToml{"= 5", "expected key = value"},
                                           BadToml{"depths = five", "not a \"string\", number"},
                                           BadToml{"length = 32k", "write \"32k\" in quotes"},
                                           BadToml{"depths =", "not a \"string\", number"},
                                           BadToml{"depths = 5 6", "end of the line"},
                                           BadToml{"model = \"x", "no closing quote"},
                                           BadToml{"model = \"\"\"x\"\"\"", "multi-line"},
                                           BadToml{"model = \"\\q\"", "unknown escape"},
                                           BadToml{"lengths = [1, 2", "no closing ]"},
                                           BadToml{"lengths = [1 2]", "expected , or ]"},
                                           BadToml{"lengths = [1, \"a\"]", "mixes types"},
                                           BadToml{"[detect", "expected [section]"},
                                           BadToml{"a.b = 1", "expected ="},
                                           BadToml{"ok = 2", "given twice"}));

}  // namespace
}  // namespace retmask::cli
