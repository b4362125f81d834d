#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "repetition.h"

namespace retmask::synthesize {
namespace {

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// Numbers of rising length: nothing in it comes three times.
std::string prose(int words) {
  std::string text;
  for (int i = 0; i < words; ++i) text += "word" + std::to_string(i * i) + " ";
  return text;
}

TEST(Repetition, OrdinaryTextDoesNotLoop) {
  EXPECT_FALSE(repeats_at_the_end(""));
  EXPECT_FALSE(repeats_at_the_end("   \n"));
  EXPECT_FALSE(repeats_at_the_end("Yes."));
  EXPECT_FALSE(repeats_at_the_end(prose(500)));
}

TEST(Repetition, LoopsOfAnyPeriod) {
  for (const int words : {1, 3, 10, 40, 100}) {
    const std::string phrase = prose(words) + "and so on.";
    const int copies = std::max(3, static_cast<int>(300 / phrase.size()) + 1);
    EXPECT_TRUE(repeats_at_the_end(prose(50) + times(copies, phrase))) << words;
    EXPECT_TRUE(repeats_at_the_end(times(copies, phrase))) << words << ", from the start";
    EXPECT_FALSE(repeats_at_the_end(times(copies, phrase) + "But then it ended well.")) << words;
  }
  EXPECT_TRUE(repeats_at_the_end("So: " + times(300, "-")));
  EXPECT_TRUE(repeats_at_the_end("答：" + times(40, "好的。"))) << "no spaces between words";
}

TEST(Repetition, TheLastCopyMayBeCutShort) {
  const std::string phrase = prose(20);
  const std::string loop = times(4, phrase);
  EXPECT_TRUE(repeats_at_the_end(loop.substr(0, loop.size() - phrase.size() / 2)));
  EXPECT_TRUE(repeats_at_the_end(loop + "\n\n"));
  EXPECT_FALSE(repeats_at_the_end(times(2, phrase) + phrase.substr(0, phrase.size() / 2)))
      << "two and a half times";
}

TEST(Repetition, ShortRepetitionsAreStyle) {
  EXPECT_FALSE(repeats_at_the_end("Title\n" + times(80, "=")));
  EXPECT_FALSE(repeats_at_the_end("ha" + times(20, " ha")));
  EXPECT_FALSE(repeats_at_the_end(prose(50) + times(3, "Row, row, row your boat.\n")));
}

TEST(Repetition, ItsTimeIsLinear) {
  const auto start = std::chrono::steady_clock::now();
  std::string worst = times(500000, "ab");
  worst.back() = 'c';
  EXPECT_FALSE(repeats_at_the_end(worst));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

}  // namespace
}  // namespace retmask::synthesize
