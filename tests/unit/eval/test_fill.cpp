#include <gtest/gtest.h>

#include "builtin_data.h"
#include "fill.h"
#include "request_order.h"
#include "retmask/base/error.h"
#include "retmask/base/random.h"

namespace retmask::eval {
namespace {

TEST(LargestFitting, IsTheLargestSizeWithinTheLimit) {
  RandomStream random(1, "fill");
  for (int round = 0; round < 300; ++round) {
    // Units of uneven size behind a fixed part.
    std::vector<int64_t> tokens = {static_cast<int64_t>(random.below(50))};
    const uint64_t largest_unit = 1 + random.below(100);
    for (int i = 1; i < 3000; ++i) {
      tokens.push_back(tokens.back() + 1 + static_cast<int64_t>(random.below(largest_unit)));
    }
    const auto smallest = static_cast<int64_t>(1 + random.below(20));
    const auto limit = static_cast<int64_t>(random.below(5000));
    int calls = 0;
    const int64_t size = largest_fitting(smallest, 2999, limit, [&](int64_t at) {
      ++calls;
      return tokens[static_cast<size_t>(at)];
    });
    EXPECT_LT(calls, 30);
    if (tokens[static_cast<size_t>(smallest)] > limit) {
      EXPECT_EQ(size, -1);
      continue;
    }
    EXPECT_GE(size, smallest);
    EXPECT_LE(tokens[static_cast<size_t>(size)], limit);
    if (size == 2999) continue;
    EXPECT_GT(tokens[static_cast<size_t>(size) + 1], limit);
  }
}

TEST(FillTemplate, ReplacesInASinglePass) {
  EXPECT_EQ(fill_template("{a} of {b}{a}", {{"a", "{b}"}, {"b", "x"}}), "{b} of x{b}");
  EXPECT_EQ(fill_template("no braces", Json::object()), "no braces");
  EXPECT_THROW(fill_template("{c}", {{"a", ""}}), InternalError);
}

TEST(RequestOrder, KeepsCommonBeginningsTogetherAndTheLongestFirst) {
  const std::vector<std::vector<int64_t>> prompts = {
      {1, 2, 3, 9}, {5, 5, 5, 5, 5, 5, 5}, {1, 2, 3}, {7, 7}, {1, 2, 3, 4, 5, 6, 7, 8}};
  std::vector<std::span<const int64_t>> spans(prompts.begin(), prompts.end());
  EXPECT_EQ(request_order(spans, /*shared=*/3), (std::vector<size_t>{2, 4, 0, 1, 3}));
  EXPECT_EQ(request_order(spans, /*shared=*/256), (std::vector<size_t>{4, 1, 0, 2, 3}));
  EXPECT_TRUE(request_order({}).empty());
}

}  // namespace
}  // namespace retmask::eval
