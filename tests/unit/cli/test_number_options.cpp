#include <gtest/gtest.h>

#include "number_options.h"

namespace retmask::cli {
namespace {

TEST(ExpandCount, KnowsThousandsAndMillionsOfTokens) {
  EXPECT_EQ(expand_count("32k"), "32768");
  EXPECT_EQ(expand_count("128K"), "131072");
  EXPECT_EQ(expand_count("1M"), "1048576");
  EXPECT_EQ(expand_count("2m"), "2097152");
  EXPECT_EQ(expand_count("1.5k"), "1536");
  EXPECT_EQ(expand_count("4Ki"), "4096");
}

TEST(ExpandCount, LeavesOtherTexts) {
  for (const char* text :
       {"", "4096", "k", "-1k", "0.1k", "1e3k", "4kk", "4kB", "4 k", "99999999999M", "infk"}) {
    EXPECT_EQ(expand_count(text), text);
  }
}

class CountOption : public ::testing::Test {
 protected:
  CountOption() {
    app_.option_defaults()->always_capture_default();
    take_short_counts(app_.add_option("--length", length_));
    take_short_counts(app_.add_option("--lengths", lengths_)->delimiter(','));
  }

  CLI::App app_;
  int64_t length_ = 100;
  std::vector<int64_t> lengths_;
};

TEST_F(CountOption, TakesShortAndLongNumbers) {
  app_.parse("--length 2k --lengths 1k,512 --lengths 1M");
  EXPECT_EQ(length_, 2048);
  EXPECT_EQ(lengths_, (std::vector<int64_t>{1024, 512, 1048576}));
  EXPECT_EQ(app_.get_option("--length")->results().back(), "2048") << "so run.json is the same";
  EXPECT_TRUE(takes_short_counts(*app_.get_option("--length")));
  EXPECT_TRUE(wants_whole_number(*app_.get_option("--lengths")));
}

TEST_F(CountOption, OtherTextsAreErrors) {
  EXPECT_THROW(app_.parse("--length 2q"), CLI::ParseError);
  EXPECT_EQ(wrong_number(*app_.get_option("--length")),
            "\"2q\", expected a whole number such as 4096 or 4k");
}

class StrictNumbers : public ::testing::Test {
 protected:
  StrictNumbers() {
    app_.add_option("--seed", seed_);
    app_.add_option("--steps", steps_);
    app_.add_option("--rate", rate_);
    take_short_counts(app_.add_option("--length", length_));
    read_numbers_strictly(app_);
  }

  void parse(const std::string& flag, const std::string& text) {
    app_.parse(std::vector<std::string>{text, flag});  // CLI11 takes them from the end
  }

  CLI::App app_;
  uint64_t seed_ = 1;
  int64_t steps_ = 1;
  int64_t length_ = 1;
  double rate_ = 1;
};

TEST_F(StrictNumbers, LeadingZerosAreNoOctalDigits) {
  parse("--steps", "010");
  EXPECT_EQ(steps_, 10);
  parse("--steps", "-007");
  EXPECT_EQ(steps_, -7);
  parse("--steps", "000");
  EXPECT_EQ(steps_, 0);
  parse("--seed", "08");
  EXPECT_EQ(seed_, 8U);
  parse("--length", "04k");
  EXPECT_EQ(length_, 4096);
}

TEST_F(StrictNumbers, TheLargestOnesAreHeld) {
  parse("--seed", "18446744073709551615");
  EXPECT_EQ(seed_, 18446744073709551615U);
  parse("--steps", "-9223372036854775808");
  EXPECT_EQ(steps_, std::numeric_limits<int64_t>::min());
  parse("--rate", "1e-300");
  EXPECT_EQ(rate_, 1e-300);
  parse("--steps", "+5");
  EXPECT_EQ(steps_, 5);
}

TEST_F(StrictNumbers, WhatATypeCannotHoldIsAnError) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--seed", "18446744073709551616"},
      {"--seed", "99999999999999999999"},
      {"--steps", "9223372036854775808"},
      {"--steps", "-9223372036854775809"},
      {"--steps", ""},
      {"--seed", ""},
      {"--rate", ""},
      {"--rate", "1e400"},
      {"--length", "9999999999999999999"},
      {"--steps", "0xFFFFFFFFFFFFFFFFFF"}};
  for (const auto& [flag, text] : cases) {
    EXPECT_THROW(parse(flag, text), CLI::ParseError) << flag << " " << text;
    EXPECT_NE(wrong_number(*app_.get_option(flag)).find("\"" + text + "\", expected a"),
              std::string::npos)
        << flag << " " << text;
  }
}

}  // namespace
}  // namespace retmask::cli
