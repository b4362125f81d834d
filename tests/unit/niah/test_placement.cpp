// Needle positions, worked out by hand on a haystack with one token per word.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "placement.h"
#include "retmask/base/error.h"
#include "word_tokenizer.h"

namespace retmask::niah {
namespace {

// 12 tokens: the words and the two full stops.
constexpr char kHaystack[] = "a b c. d e f g. h i j";

TEST(SentencePlacement, GoesBehindTheLastSentenceBeforeTheDepth) {
  const WordTokenizer tokenizer;
  const GridOptions grid{.depths = 5};
  const ContextMaker contexts(tokenizer, kHaystack, {"NEEDLE x"}, /*asked=*/0, grid);
  // Room for 10 of the 12 haystack tokens. Depths 0, .25, .5, .75, 1 are positions 0, 2, 5, 7, 10.
  // No sentence ends before position 2, the first one ends before 5 and 7, and the end is not
  // moved.
  EXPECT_EQ(contexts.make(12, 0), " NEEDLE xa b c. d e f g. h");
  EXPECT_EQ(contexts.make(12, 1), " NEEDLE xa b c. d e f g. h");
  EXPECT_EQ(contexts.make(12, 2), "a b c. NEEDLE x d e f g. h");
  EXPECT_EQ(contexts.make(12, 3), "a b c. NEEDLE x d e f g. h");
  EXPECT_EQ(contexts.make(12, 4), "a b c. d e f g. h NEEDLE x");
  EXPECT_DOUBLE_EQ(contexts.depth_fraction(/*length=*/500, 1), 0.25);
}

TEST(SentencePlacement, StaysRightBehindAFullStop) {
  const WordTokenizer tokenizer;
  const ContextMaker contexts(
      tokenizer, kHaystack, {"NEEDLE"}, /*asked=*/0, GridOptions{.depths = 3});
  EXPECT_EQ(contexts.make(9, 1), "a b c. NEEDLE d e f g");
}

TEST(SentencePlacement, OneDepthIsTheStart) {
  const WordTokenizer tokenizer;
  const ContextMaker contexts(
      tokenizer, kHaystack, {"NEEDLE"}, /*asked=*/0, GridOptions{.depths = 1});
  EXPECT_EQ(contexts.make(4, 0), " NEEDLEa b c");
}

TEST(SentencePlacement, RefusesANeedleLongerThanTheContext) {
  const WordTokenizer tokenizer;
  const ContextMaker contexts(tokenizer, kHaystack, {"w x y z"}, /*asked=*/0, GridOptions{});
  EXPECT_EQ(contexts.make(4, 0), " w x y z");
  EXPECT_THROW(contexts.make(3, 0), UserError);
}

TEST(SentencePlacement, DrawsOtherNeedlesAndTheirPositions) {
  const WordTokenizer tokenizer;
  const GridOptions grid{.depths = 3, .needles_per_context = 2, .seed = 1};
  const std::vector<std::string> needles = {"N0 x", "N1 y", "N2 z"};
  const ContextMaker contexts(tokenizer, kHaystack, needles, /*asked=*/1, grid);
  std::set<std::string> drawn;
  for (int64_t length = 10; length < 17; ++length) {
    for (int64_t depth = 0; depth < 3; ++depth) {
      const std::string context = contexts.make(length, depth);
      EXPECT_NE(context.find(" N1 y"), std::string::npos) << context;
      EXPECT_NE(context.find(" N0 x") == std::string::npos,
                context.find(" N2 z") == std::string::npos)
          << context;
      EXPECT_EQ(context, contexts.make(length, depth));
      drawn.insert(context);
      // Its own depth is not affected.
      if (depth == 2) {
        EXPECT_GT(context.find(" N1 y"), context.find("d e")) << context;
      }
    }
  }
  EXPECT_GT(drawn.size(), 10u);
  EXPECT_THROW(contexts.make(3, 0), UserError);
}

TEST(SentencePlacement, RandomDepthsDependOnTheSeed) {
  const WordTokenizer tokenizer;
  const auto fractions = [&](uint64_t seed) {
    const GridOptions grid{.depths = 9, .depth_rule = DepthRule::random, .seed = seed};
    const ContextMaker contexts(tokenizer, kHaystack, {"N x"}, /*asked=*/0, grid);
    std::vector<double> all;
    for (int64_t depth = 0; depth < 9; ++depth) {
      all.push_back(contexts.depth_fraction(20, depth));
      // 10 tokens of room, full stops after 4 and 9.
      const std::string context = contexts.make(12, depth);
      const size_t expected = contexts.depth_fraction(12, depth) < 0.4   ? 0
                              : contexts.depth_fraction(12, depth) < 0.9 ? 6
                                                                         : 15;
      EXPECT_EQ(context.find(" N x"), expected) << context;
    }
    return all;
  };
  EXPECT_EQ(fractions(1), fractions(1));
  EXPECT_NE(fractions(1), fractions(2));
  const std::vector<double> drawn = fractions(3);
  EXPECT_EQ(std::set<double>(drawn.begin(), drawn.end()).size(), 9u);
}

// The rules of the published implementation. Its contexts are 200 tokens shorter than requested.
// Its start token has no text, as in a sentencepiece vocabulary.
class SilentStartTokenizer : public WordTokenizer {
 public:
  std::string decode(std::span<const int64_t> ids, bool /*skip_special_tokens*/) const override {
    return WordTokenizer::decode(ids, /*skip_special_tokens=*/true);
  }
};

TEST(ReferencePlacementEnds, WhereTheStartTokenHasNoText) {
  const SilentStartTokenizer tokenizer;
  const ContextMaker contexts(
      tokenizer,
      kHaystack,
      {"NEEDLE"},
      /*asked=*/0,
      GridOptions{.depths = 1, .placement = niah::NeedlePlacement::reference});
  EXPECT_EQ(contexts.make(400, 0), "NEEDLEa b c. d e f g. h i j");
}

class ReferencePlacement : public ::testing::Test {
 protected:
  GridOptions grid(int64_t depths) {
    return {.depths = depths, .placement = NeedlePlacement::reference};
  }
};

TEST_F(ReferencePlacement, PutsTheNeedleAtTheStartWhenTheFullStopHasAnotherId) {
  const WordTokenizer tokenizer(/*period_id=*/1, /*adds_start=*/false);
  const ContextMaker contexts(tokenizer, kHaystack, {"NEEDLE x"}, /*asked=*/0, grid(5));
  // 210 - 200 - 2 leaves 8 tokens of the haystack.
  EXPECT_EQ(contexts.make(210, 0), "NEEDLE xa b c. d e f g");
  EXPECT_EQ(contexts.make(210, 3), "NEEDLE xa b c. d e f g");
  EXPECT_EQ(contexts.make(210, 4), "a b c. d e f gNEEDLE x");
}

TEST_F(ReferencePlacement, FindsTheFullStopOfLlama2) {
  const WordTokenizer tokenizer(/*period_id=*/29889, /*adds_start=*/false);
  const ContextMaker contexts(tokenizer, kHaystack, {"NEEDLE x"}, /*asked=*/0, grid(5));
  EXPECT_EQ(contexts.make(210, 3), "a b c.NEEDLE x d e f g");
}

TEST_F(ReferencePlacement, CountsStartTokensAndTakesThemOut) {
  const WordTokenizer tokenizer(/*period_id=*/1, /*adds_start=*/true);
  const ContextMaker contexts(tokenizer, kHaystack, {"NEEDLE x"}, /*asked=*/0, grid(2));
  // The needle is <s> NEEDLE x; the haystack, cut to 210 tokens, decoded and encoded again, begins
  // with <s><s>. 210 - 200 - 3 = 7 tokens of it remain, five of them words.
  EXPECT_EQ(contexts.make(210, 0), "NEEDLE xa b c. d");
  EXPECT_EQ(contexts.make(210, 1), "a b c. dNEEDLE x");
}

TEST_F(ReferencePlacement, ShortLengthsSliceFromTheEndAsPythonDoes) {
  const WordTokenizer tokenizer(/*period_id=*/1, /*adds_start=*/false);
  const ContextMaker contexts(tokenizer, kHaystack, {"NEEDLE x"}, /*asked=*/0, grid(2));
  EXPECT_EQ(contexts.make(0, 1), "NEEDLE x");
  // tokens[:199 - 200 - 2] drops the last three of the twelve.
  EXPECT_EQ(contexts.make(199, 1), "a b c. d e f g.NEEDLE x");
}

TEST_F(ReferencePlacement, RoundsDepthsToWholePerCent) {
  const WordTokenizer tokenizer;
  const ContextMaker contexts(tokenizer, kHaystack, {"x"}, /*asked=*/0, grid(10));
  const std::vector<double> expected = {0, .11, .22, .33, .44, .56, .67, .78, .89, 1};
  for (int64_t i = 0; i < 10; ++i)
    EXPECT_DOUBLE_EQ(contexts.depth_fraction(/*length=*/500, i), expected[i]);
}

// numpy.round(numpy.linspace(0, 100, n)).astype(int) for n = 5, 9, 17 and 41: ties round to even,
// up or down.
TEST_F(ReferencePlacement, RoundsHalvesToEvenAsNumpy) {
  const std::map<int64_t, std::vector<int>> per_cent{
      {5, {0, 25, 50, 75, 100}},
      {9, {0, 12, 25, 38, 50, 62, 75, 88, 100}},
      {17, {0, 6, 12, 19, 25, 31, 38, 44, 50, 56, 62, 69, 75, 81, 88, 94, 100}},
      {41, {0,  2,  5,  8,  10, 12, 15, 18, 20, 22, 25, 28, 30, 32, 35, 38, 40, 42, 45, 48, 50,
            52, 55, 58, 60, 62, 65, 68, 70, 72, 75, 78, 80, 82, 85, 88, 90, 92, 95, 98, 100}},
  };
  const WordTokenizer tokenizer;
  for (const auto& [depths, expected] : per_cent) {
    const ContextMaker contexts(tokenizer, kHaystack, {"x"}, /*asked=*/0, grid(depths));
    for (int64_t i = 0; i < depths; ++i)
      EXPECT_DOUBLE_EQ(contexts.depth_fraction(/*length=*/500, i),
                       expected[static_cast<size_t>(i)] / 100.0)
          << i << " of " << depths;
  }
}

// The resulting position: in 100 full stops a needle at 12 % follows the twelfth.
TEST_F(ReferencePlacement, APlaceOnAHalfIsTheEvenOne) {
  const WordTokenizer tokenizer(/*period_id=*/29889, /*adds_start=*/false);
  std::string haystack;
  for (int i = 0; i < 200; ++i) haystack += ".";
  const ContextMaker contexts(tokenizer, haystack, {"x"}, /*asked=*/0, grid(9));
  // 301 - 200 - 1 leaves 100 tokens.
  EXPECT_EQ(contexts.make(301, 1).find('x'), 12U);
  EXPECT_EQ(contexts.make(301, 3).find('x'), 38U);
  EXPECT_EQ(contexts.make(301, 5).find('x'), 62U);
}

}  // namespace
}  // namespace retmask::niah
