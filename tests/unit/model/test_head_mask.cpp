#include <gtest/gtest.h>

#include "retmask/base/file.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/golden.h"
#include "unit/support/mean_masks.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

using testing::drawn_means;
using testing::load_tiny;
using testing::load_tiny_for_inference;
using testing::load_tiny_masked;
using testing::load_tiny_with_libtorch;
using testing::max_difference;
using testing::whole_sequences;

const std::vector<Head> kMasked{{0, 1}, {2, 3}, {2, 0}, {3, 2}};

std::vector<int64_t> some_tokens(const char* family) {
  return testing::Golden(family).ids("token_ids");
}

TEST(HeadMask, ModesAndMeansTellMasksApart) {
  const HeadMask zero = kMasked;
  const HeadMask mean(kMasked, HeadMask::Means(4, {1.0F}));
  const HeadMask same(kMasked, HeadMask::Means(4, {1.0F}));
  const HeadMask other(kMasked, HeadMask::Means(4, {2.0F}));
  EXPECT_EQ(mean, same);
  EXPECT_FALSE(mean < same || same < mean);
  const std::vector<HeadMask> different{{}, zero, mean, other, {{0, 1}}};
  for (const HeadMask& a : different) {
    for (const HeadMask& b : different) EXPECT_EQ(a == b, &a == &b);
    for (const HeadMask& b : different) EXPECT_EQ((a < b) != (b < a), &a != &b);
  }
  EXPECT_EQ(HeadMask({}, HeadMask::Means()), HeadMask());
  EXPECT_THROW(static_cast<void>(zero.means()), InternalError);
}

class MeanGate : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Model,
                         MeanGate,
                         ::testing::Values("llama", "qwen3", "olmo3"),
                         [](const auto& test) { return std::string(test.param); });

// Replacing a head's output by a constant equals zero columns of W_o with a bias.
TEST_P(MeanGate, EqualsABiasOfTheOutputProjection) {
  const torch::NoGradGuard no_grad;
  const auto ids = some_tokens(GetParam());
  const ModelConfig config = load_tiny(GetParam()).config();
  const HeadMask means = drawn_means(config, kMasked, 1);
  const HeadMask others = drawn_means(config, {{1, 1}, {2, 3}}, 2);
  PackedBatch batch = whole_sequences({ids, ids, ids, ids});
  for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
    const InferenceLm model = load(GetParam(), torch::kFloat32);
    const HeadGate gate(config, {means, {}, kMasked, others}, torch::kFloat32);
    batch.gate = &gate;
    const auto logits = model.logits(model.forward(batch)).chunk(4);
    const auto expect = [&](const torch::Tensor& found, const HeadMask& mask) {
      const CausalLm masked = load_tiny_masked(GetParam(), mask);
      const torch::Tensor wanted = masked.logits(masked.forward(whole_sequences({ids})));
      EXPECT_LT(max_difference(found, wanted), 1e-5 * wanted.abs().max().item<double>());
    };
    expect(logits[0], means);
    expect(logits[1], {});
    expect(logits[2], kMasked);
    expect(logits[3], others);
    EXPECT_GT(max_difference(logits[0], logits[2]), 1e-2);
  }
}

// The bias is rounded to bfloat16, and so are the means in the gate.
TEST_P(MeanGate, EqualsABiasInBFloat16UpToRounding) {
  const torch::NoGradGuard no_grad;
  const auto ids = some_tokens(GetParam());
  const HeadMask means = drawn_means(load_tiny(GetParam()).config(), kMasked, 1);
  const auto exact = load_tiny_masked(GetParam(), means);
  const torch::Tensor wanted = exact.forward(whole_sequences({ids}));
  const InferenceLm as_bias(load_tiny_masked(GetParam(), means, torch::kBFloat16));
  const InferenceLm gated = load_tiny_for_inference(GetParam(), torch::kBFloat16);
  PackedBatch batch = whole_sequences({ids});
  const double bias_error = testing::relative_error(as_bias.forward(batch), wanted);
  const HeadGate gate(gated.config(), {means}, torch::kBFloat16);
  batch.gate = &gate;
  EXPECT_LT(testing::relative_error(gated.forward(batch), wanted), 1.5 * bias_error);
  EXPECT_LT(bias_error, 0.1);
}

// A mask of the other sequences changes no bit of a sequence.
TEST_P(MeanGate, LeavesOtherSequencesAlone) {
  const torch::NoGradGuard no_grad;
  const auto ids = some_tokens(GetParam());
  for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
    const InferenceLm model = load_tiny_for_inference(GetParam(), dtype);
    const HeadMask means = drawn_means(model.config(), kMasked, 1);
    const std::vector<HeadMask> masks{means, {}, {{2, 0}, {1, 1}}};
    const auto forward = [&](const std::vector<HeadMask>& of_sequences) {
      PackedBatch batch = whole_sequences(std::vector(of_sequences.size(), ids));
      const HeadGate gate(model.config(), of_sequences, dtype);
      batch.gate = &gate;
      return model.forward(batch).chunk(static_cast<int64_t>(of_sequences.size()));
    };
    const auto together = forward(masks);
    for (size_t i = 0; i < masks.size(); ++i)
      EXPECT_TRUE(torch::equal(together[i], forward({masks[i]})[0])) << i;
  }
}

// What the layers add up: the input of W_o, so means of it give back the mean of o_proj's output.
TEST_P(MeanGate, SumsAreOfWhatTheOutputProjectionReads) {
  const torch::NoGradGuard no_grad;
  const auto ids = some_tokens(GetParam());
  const InferenceLm model = load_tiny_for_inference(GetParam());
  const InferenceLm reference = load_tiny_with_libtorch(GetParam());
  const auto means = [&](const InferenceLm& lm, const std::vector<std::vector<int64_t>>& calls) {
    HeadOutputSums sums;
    for (const auto& call : calls) {
      PackedBatch batch = whole_sequences({call});
      batch.output_sums = &sums;
      lm.forward(batch);
    }
    return sums.means();
  };
  const std::vector<int64_t> half(ids.begin(), ids.begin() + 40);
  const torch::Tensor whole = means(model, {ids});
  EXPECT_EQ(whole.size(1), model.config().num_attention_heads * model.config().head_dim);
  EXPECT_LT(max_difference(whole, means(reference, {ids})), 1e-5);
  // Weighted by tokens, not by calls.
  const auto tokens = static_cast<double>(ids.size());
  const torch::Tensor both = means(model, {ids, half});
  const torch::Tensor expected = (tokens * whole + 40 * means(model, {half})) / (tokens + 40);
  EXPECT_LT(max_difference(both, expected), 1e-6);
  EXPECT_TRUE(torch::equal(both, means(model, {ids, half})));
}

class MeanMaskFile : public ::testing::Test {
 protected:
  MeanMaskFile() {
    config_.num_attention_heads = 4;
    config_.head_dim = 2;
    config_.layers.resize(3);
  }
  HeadMask read(const Json& mask) {
    write_json_file(folder_ / "mask.json", mask);
    return read_mask_file(folder_ / "mask.json", config_);
  }
  void expect_error(const Json& mask, const std::vector<std::string>& parts) {
    SCOPED_TRACE(mask.dump());
    expect_user_error([&] { read(mask); }, parts);
  }
  const Json heads_ = {{2, 3}, {0, 0}};
  ModelConfig config_;
  testing::TempDir folder_;
};

TEST_F(MeanMaskFile, GivesBackEachNumber) {
  RandomStream random(1, "numbers");
  for (int i = 0; i < 1000; ++i) {
    const auto number = [&] {
      return static_cast<float>((random.uniform() - 0.5) * std::exp(40 * random.uniform() - 20));
    };
    const HeadMask mask({{2, 3}, {0, 0}}, {{number(), number()}, {number(), 0.0F}});
    ASSERT_EQ(read({{"heads", heads_}, {"mode", "mean"}, {"means", means_json(mask.means())}}),
              mask);
  }
  EXPECT_EQ(means_json({{0.1F, -2.5F}}).dump(), "[[0.1,-2.5]]");  // not 0.10000000149011612
}

TEST_F(MeanMaskFile, WithoutAModeIsZero) {
  const HeadMask zero{{2, 3}, {0, 0}};
  EXPECT_EQ(read({{"heads", heads_}}), zero);
  EXPECT_EQ(read({{"heads", heads_}, {"mode", "zero"}}), zero);
}

TEST_F(MeanMaskFile, ErrorsNameThePlace) {
  const Json means = {{1.0, 2.0}, {3.0, 4.0}};
  const auto mean_mask = [&](const Json& rows) {
    return Json{{"heads", heads_}, {"mode", "mean"}, {"means", rows}};
  };
  EXPECT_EQ(read(mean_mask(means)).mode(), MaskMode::mean);
  expect_error({{"heads", heads_}, {"mode", "median"}, {"means", means}},
               {"mask.json", "\"mode\" is \"median\"", "zero, mean"});
  expect_error({{"heads", heads_}, {"mode", 1}}, {"mask.json", "\"mode\" has the wrong type"});
  expect_error({{"heads", heads_}, {"mode", "mean"}}, {"\"means\"", "missing", "--mask-mode mean"});
  expect_error({{"heads", heads_}, {"mode", "zero"}, {"means", means}}, {"the mode is zero"});
  expect_error({{"heads", heads_}, {"means", means}}, {"the mode is zero"});
  expect_error(mean_mask({{1.0, 2.0}}), {"each of the 2 heads"});
  expect_error(mean_mask("means"), {"each of the 2 heads"});
  const std::vector<Json> bad_rows{
      {1.0}, {1.0, 2.0, 3.0}, {1.0, "2"}, {1.0, nullptr}, 3.0, {1e39, 0}};
  for (const Json& row : bad_rows)
    expect_error(mean_mask({{1.0, 2.0}, row}), {"for head 0-0", "list of 2 numbers", "head_dim"});
  expect_error(
      {{"heads", {{0, 0}, {1, 1}, {0, 0}}}, {"mode", "mean"}, {"means", {{1, 2}, {3, 4}, {5, 6}}}},
      {"0-0 is listed twice"});
}

}  // namespace
}  // namespace retmask
