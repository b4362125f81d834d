#include <gtest/gtest.h>

#include "retmask/base/format_text.h"

namespace retmask {
namespace {

TEST(FormatText, FormatsAsPrintf) {
  EXPECT_EQ(format_text("%s: loss %.4f, %ld tokens, %.0f %%", "step", 0.69314, 12L, 41.6),
            "step: loss 0.6931, 12 tokens, 42 %");
}

TEST(FormatText, HasNoLimit) {
  const std::string path(5000, 'a');
  EXPECT_EQ(format_text("saved %s in %.2f s", path.c_str(), 0.125), "saved " + path + " in 0.12 s");
}

}  // namespace
}  // namespace retmask
