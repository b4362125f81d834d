#include <gtest/gtest.h>

#include "utf8.h"

namespace retmask::text {
namespace {

TEST(Utf8, FindsTheFirstInvalidByte) {
  constexpr size_t kValid = std::string_view::npos;
  EXPECT_EQ(find_invalid_utf8(""), kValid);
  EXPECT_EQ(find_invalid_utf8("plain text of more than eight bytes"), kValid);
  EXPECT_EQ(find_invalid_utf8("\u007F\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF"),
            kValid);
  EXPECT_EQ(find_invalid_utf8("eight by\xFF"), 8U);
  EXPECT_EQ(find_invalid_utf8("ab\x80"), 2U);            // stray continuation byte
  EXPECT_EQ(find_invalid_utf8("\xC0\x80"), 0U);          // overlong
  EXPECT_EQ(find_invalid_utf8("\xE0\x9F\xBF"), 0U);      // overlong
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U);      // a surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\u00E9\xE4\xBD"), 2U);    // truncated
  EXPECT_EQ(find_invalid_utf8(std::string("\0", 1)), kValid);
}

// The examples of section 3.9 of the Unicode standard; results as of Python's errors="replace".
TEST(Utf8, ReplacesEachIllFormedPartOnce) {
  EXPECT_EQ(lossy_utf8("a\xF1\x80\x80\xE1\x80\xC2"
                       "b\x80"
                       "c\x80\xBF"
                       "d"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(lossy_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(lossy_utf8("\xED\xA0\x80\xED\xBF"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(lossy_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(lossy_utf8("h\u00E9\U0001F600"), "h\u00E9\U0001F600");
}

TEST(Utf8, WalksBothWays) {
  const std::string text = "a\u00E9\u4F60\U0001F600";
  const std::u32string characters = U"a\u00E9\u4F60\U0001F600";
  size_t at = 0;
  for (const char32_t c : characters) EXPECT_EQ(next_code_point(text, at), c);
  EXPECT_EQ(at, text.size());
  for (size_t i = characters.size(); i-- > 0;)
    EXPECT_EQ(previous_code_point(text, at), characters[i]);
  EXPECT_EQ(at, 0U);
  EXPECT_EQ(count_code_points(text), 4U);

  std::string back;
  for (const char32_t c : characters) append_utf8(back, c);
  EXPECT_EQ(back, text);
}

}  // namespace
}  // namespace retmask::text
