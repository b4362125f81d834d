// Policies of mode mean among others in one batch.

#include <gtest/gtest.h>

#include <map>

#include "retmask/engine/generator.h"
#include "unit/support/golden.h"
#include "unit/support/mean_masks.h"

namespace retmask {
namespace {

using testing::drawn_means;
using testing::Golden;
using testing::load_tiny;
using testing::load_tiny_for_inference;
using testing::load_tiny_masked;
using testing::max_difference;

using PolicyTexts = std::map<std::pair<size_t, size_t>, GenerationResult>;

PolicyTexts texts_of(const InferenceLm& model,
                     const std::vector<GenerationRequest>& requests,
                     int64_t batch_size) {
  PolicyTexts texts;
  Generator(model, {.max_batch_size = batch_size})
      .run(source_of(requests),
           [&](size_t request, size_t continuation, const GenerationResult& result) {
             texts[{request, continuation}] = result;
           });
  return texts;
}

const std::vector<Head> kHeads{{1, 2}, {3, 0}};

// Theta, both modes for the same heads, other means for them, and other heads.
std::vector<HeadMask> policies(const ModelConfig& config) {
  return {{},
          kHeads,
          drawn_means(config, kHeads, 1),
          drawn_means(config, kHeads, 2),
          drawn_means(config, {{2, 1}}, 3)};
}

class MeanMasks : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Engine,
                         MeanMasks,
                         ::testing::Values("llama", "qwen3", "olmo3"),
                         [](const auto& test) { return std::string(test.param); });

std::vector<GenerationRequest> requests_of(const char* family, const ModelConfig& config) {
  const auto ids = Golden(family).ids("token_ids");
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < 5; ++i) {
    GenerationRequest request{.continuations = {}, .sampling = {.temperature = 0.8}};
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(i);
    request.prompt.assign(begin, begin + 20 + 7 * static_cast<std::ptrdiff_t>(i));
    request.max_new_tokens = 12;
    const std::vector<HeadMask> masks = policies(config);
    for (size_t p = 0; p < masks.size(); ++p) {
      request.continuations.push_back({.masked_heads = masks[(p + i) % masks.size()],
                                       .random = RandomStream(3, std::to_string(10 * i + p))});
    }
    requests.push_back(request);
  }
  return requests;
}

// To the last bit.
TEST_P(MeanMasks, TextsDoNotDependOnTheBatch) {
  const InferenceLm model = load_tiny_for_inference(GetParam());
  const auto requests = requests_of(GetParam(), model.config());
  const PolicyTexts together = texts_of(model, requests, 16);
  EXPECT_EQ(texts_of(model, requests, 3).size(), together.size());
  for (const auto& [key, text] : together) {
    GenerationRequest request = requests[key.first];
    request.continuations = {request.continuations[key.second]};
    const PolicyTexts alone = texts_of(model, {request}, 1);
    EXPECT_EQ(text.tokens, alone.at({0, 0}).tokens) << key.first << ", " << key.second;
    EXPECT_EQ(text.logprobs, alone.at({0, 0}).logprobs);
    EXPECT_EQ(text.logprobs,
              texts_of(model, {requests[key.first]}, 5).at({0, key.second}).logprobs);
  }
}

TEST_P(MeanMasks, TextsAreThoseOfTheMaskedModel) {
  const InferenceLm model = load_tiny_for_inference(GetParam());
  GenerationRequest request{.continuations = {}, .max_new_tokens = 24};
  const auto ids = Golden(GetParam()).ids("token_ids");
  request.prompt.assign(ids.begin(), ids.begin() + 40);
  const std::vector<HeadMask> masks = policies(model.config());
  for (const HeadMask& mask : masks) request.continuations.push_back({.masked_heads = mask});
  const PolicyTexts texts = texts_of(model, {request}, 8);
  request.continuations = {{}};
  for (size_t i = 0; i < masks.size(); ++i) {
    const InferenceLm masked = InferenceLm::with_libtorch(load_tiny_masked(GetParam(), masks[i]));
    EXPECT_EQ(texts.at({0, i}).tokens, texts_of(masked, {request}, 1).at({0, 0}).tokens) << i;
  }
  EXPECT_NE(texts.at({0, 1}).tokens, texts.at({0, 2}).tokens);
  EXPECT_NE(texts.at({0, 2}).tokens, texts.at({0, 3}).tokens);
}

TEST_P(MeanMasks, LogprobsAreThoseOfTheMaskedModel) {
  const torch::NoGradGuard no_grad;
  const InferenceLm model = load_tiny_for_inference(GetParam());
  const std::vector<std::vector<int64_t>> texts{Golden(GetParam()).ids("token_ids"), {3, 4, 5}};
  for (const HeadMask& mask : policies(model.config())) {
    const auto found = token_logprobs(model, texts, /*first=*/{}, mask);
    const auto wanted = token_logprobs(load_tiny_masked(GetParam(), mask), texts);
    for (size_t i = 0; i < texts.size(); ++i) EXPECT_LT(max_difference(found[i], wanted[i]), 1e-4);
  }
}

}  // namespace
}  // namespace retmask
