#include <gtest/gtest.h>

#include "retmask/base/terminal.h"

namespace retmask::terminal {
namespace {

TEST(Terminal, WidthCountsWideCharactersTwice) {
  EXPECT_EQ(width(""), 0);
  EXPECT_EQ(width("detect 3/4"), 10);
  EXPECT_EQ(width("\u00e9\u044f\u05d0"), 3);
  EXPECT_EQ(width("\u6c34a"), 3);
  EXPECT_EQ(width("\U0001F642"), 2);
}

TEST(Terminal, FitCutsBetweenCharacters) {
  EXPECT_EQ(fit("detect", 6), "detect");
  EXPECT_EQ(fit("detect", 5), "detec");
  EXPECT_EQ(fit("a\u6c34\u6c34", 4), "a\u6c34");
  EXPECT_EQ(fit("\u6c34", 1), "");
  EXPECT_EQ(fit("\u00e9\u00e9", 1), "\u00e9");
  EXPECT_EQ(fit("x", 0), "");
  EXPECT_EQ(fit("\xe6", 3), "\xe6") << "half a character";
}

TEST(Terminal, ControlCharactersAreShown) {
  EXPECT_EQ(printable("a\tb\nc \u00e9\u6c34"), "a\tb\nc \u00e9\u6c34");
  EXPECT_EQ(printable("\033[2J\r\a\x7f"), "\\x1b[2J\\x0d\\x07\\x7f");
  EXPECT_EQ(printable("\u009b2J"), "\\x9b2J") << "as ESC [ in one character";
}

}  // namespace
}  // namespace retmask::terminal
