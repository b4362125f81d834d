#include <gtest/gtest.h>

#include <limits>

#include "sharded_parameters.h"

namespace retmask::train {
namespace {

struct Halves {
  explicit Halves(const torch::Tensor& values)
      : upper(torch::empty(values.sizes(), torch::kBFloat16)),
        lower(torch::empty(values.sizes(), torch::kInt16)) {
    split_float32(values, upper, lower);
  }

  torch::Tensor upper;
  torch::Tensor lower;
};

torch::Tensor bits_of(const torch::Tensor& values) { return values.view(torch::kInt32); }

TEST(Float32Halves, GiveBackEveryBit) {
  torch::manual_seed(1);
  const torch::Tensor any = torch::randint(std::numeric_limits<int32_t>::min(),
                                           std::numeric_limits<int32_t>::max(),
                                           {1 << 20},
                                           torch::kInt32)
                                .view(torch::kFloat32);
  const float infinity = std::numeric_limits<float>::infinity();
  const torch::Tensor special =
      torch::tensor({0.0F, -0.0F, infinity, -infinity, std::numeric_limits<float>::max(), 1e-45F});
  for (const torch::Tensor& values : {any, special, torch::randn({1000})}) {
    const Halves halves(values);
    EXPECT_TRUE(torch::equal(bits_of(join_float32(halves.upper, halves.lower)), bits_of(values)));
  }
}

TEST(Float32Halves, TheUpperOneIsRounded) {
  torch::manual_seed(2);
  const torch::Tensor values = torch::randn({1 << 20}) * 1e-3;
  const torch::Tensor rest = bits_of(values).bitwise_and(0xffff);
  const torch::Tensor is_tie = rest.eq(0x8000);
  ASSERT_GT(is_tie.sum().item<int64_t>(), 0);
  const torch::Tensor upper = Halves(values).upper;
  const torch::Tensor nearest = values.to(torch::kBFloat16);
  EXPECT_TRUE(torch::equal(upper.masked_fill(is_tie, 0), nearest.masked_fill(is_tie, 0)));
  EXPECT_TRUE(
      upper.to(torch::kFloat32).abs().gt(values.abs()).masked_select(is_tie).all().item<bool>());
}

TEST(Float32Halves, NobodyNeedsToWantTheLowerOne) {
  const torch::Tensor values = torch::randn({100});
  const torch::Tensor upper = torch::empty({100}, torch::kBFloat16);
  split_float32(values, upper, torch::Tensor());
  EXPECT_TRUE(torch::equal(upper, Halves(values).upper));
}

}  // namespace
}  // namespace retmask::train
