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

}  // namespace
}  // namespace retmask::cli
