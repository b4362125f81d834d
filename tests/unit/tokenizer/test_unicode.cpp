#include <gtest/gtest.h>

#include "unicode.h"
#include "unicode_form.h"

namespace retmask::text {
namespace {

TEST(Unicode, ClassesLikeRust) {
  EXPECT_TRUE(is_white_space(U'\u0085'));
  EXPECT_TRUE(is_white_space(U'\u3000'));
  EXPECT_FALSE(is_white_space(U'\u180E'));
  EXPECT_FALSE(is_white_space(U'\u200B'));
  EXPECT_TRUE(is_numeric(U'7'));
  EXPECT_TRUE(is_numeric(U'\u00BD'));
  EXPECT_TRUE(is_numeric(U'\u2167'));
  EXPECT_TRUE(is_numeric(U'\U00010D40'));  // of Unicode 16
  EXPECT_FALSE(is_numeric(U'x'));
  EXPECT_TRUE(is_word(U'_'));
  EXPECT_TRUE(is_word(U'\u0301'));
  EXPECT_FALSE(is_word(U'-'));
  EXPECT_FALSE(is_word(U'\u00BD'));
}

TEST(Unicode, LowersWithoutContext) {
  EXPECT_EQ(lowercase("ΣΊΣΥΦΟΣ Ä"), "σίσυφοσ ä");
  EXPECT_EQ(lowercase("İ"), "i\u0307");
}

TEST(Unicode, ReplacesOnlyWhatPcreDoesNotKnow) {
  std::string storage;
  const std::string known = "plain é “quotes” 你好 한국어 🌍";
  EXPECT_EQ(with_known_code_points(known, storage).data(), known.data());

  // A CJK extension of Unicode 15 and a letter and a digit of Unicode 16; offsets stay.
  const std::string newer = "a\U00031350b\uA7CBc\U00010D40d\u180E";
  const std::string_view replaced = with_known_code_points(newer, storage);
  EXPECT_EQ(replaced, "a\U00020000b\u1E00c\U000104A0d\u200B");
  EXPECT_EQ(replaced.size(), newer.size());
}

TEST(UnicodeForm, KnowsTheForms) {
  std::string text = "A\u030A \uFB01";
  to_unicode_form(*unicode_form("NFC"), text);
  EXPECT_EQ(text, "\u00C5 \uFB01");
  to_unicode_form(*unicode_form("NFD"), text);
  EXPECT_EQ(text, "A\u030A \uFB01");
  to_unicode_form(*unicode_form("NFKC"), text);
  EXPECT_EQ(text, "\u00C5 fi");
  EXPECT_FALSE(unicode_form("Nmt").has_value());
}

TEST(UnicodeForm, LeavesWhatCameAfterUnicode9) {
  // By its combining class, U+1DFA (Unicode 14) would be placed after U+0316.
  const std::string young_mark = "a\u1DFA\u0316";
  std::string text = young_mark;
  to_unicode_form(UnicodeForm::kNfc, text);
  EXPECT_EQ(text, young_mark);
  std::string old_mark = "a\u0301\u0316";
  to_unicode_form(UnicodeForm::kNfd, old_mark);
  EXPECT_EQ(old_mark, "a\u0316\u0301");
}

}  // namespace
}  // namespace retmask::text
