// 300 random config.json and three chosen ones, each with log-probs that transformers computed from
// it: old and new RoPE styles, mixtures, keys left out or null. Made by
// tests/golden/make_random_configs.py.

#include <gtest/gtest.h>

#include "unit/support/golden.h"

namespace retmask {
namespace {

constexpr double kTolerance = 1e-4;
constexpr int64_t kTokens = 60;

// The script's weights(): whole numbers of 24 bits hashed from the tensor's name and the place.
void fill(const std::string& name, torch::Tensor& parameter) {
  uint32_t salt = 2166136261u;
  for (const char byte : name) salt = (salt ^ static_cast<unsigned char>(byte)) * 16777619u;
  const float shift = name.find("norm") != std::string::npos ? 1.0f : 0.0f;
  auto* values = parameter.data_ptr<float>();
  for (int64_t i = 0; i < parameter.numel(); ++i) {
    uint32_t x = static_cast<uint32_t>(i) * 2654435761u + salt;
    x = (x ^ (x >> 15)) * 2246822519u;
    x ^= x >> 13;
    values[i] = shift + (static_cast<float>(x >> 8) / 16777216.0f - 0.5f);
  }
}

std::vector<int64_t> token_ids(int64_t row, int64_t vocab_size) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < kTokens; ++i)
    ids.push_back((7 * i + 3 * i * i + 13 * row) % std::min<int64_t>(vocab_size, 48));
  return ids;
}

// Of the tokens at which the script looked.
std::vector<double> logprobs(const CausalLm& model, const std::vector<int64_t>& ids, size_t count) {
  const torch::NoGradGuard no_grad;
  const auto kept = static_cast<int64_t>(count);
  std::vector<int64_t> before, targets;
  for (int64_t i = 0; i < kept; ++i) {
    const int64_t row = kTokens * (i + 1) / kept - 1;
    before.push_back(row - 1);
    targets.push_back(ids[static_cast<size_t>(row)]);
  }
  const torch::Tensor hidden =
      model.forward(testing::whole_sequences({ids})).index_select(0, torch::tensor(before));
  const torch::Tensor values =
      model.target_logprobs(hidden, torch::tensor(targets)).to(torch::kFloat64).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(RandomConfigs, LogprobsEqualTransformers) {
  const auto rows =
      read_json_lines(testing::golden_dir() / "model" / "random_configs.jsonl", "golden file");
  ASSERT_EQ(rows.size(), 303u);
  int equal = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE("row " + std::to_string(i + 1) + ": " + rows[i]["config"].dump());
    const auto expected = rows[i]["logprobs"].get<std::vector<double>>();
    const ModelConfig config = parse_model_config(rows[i]["config"], "config.json");
    CausalLm model = CausalLm::empty(config, torch::kCPU, torch::kFloat32);
    for (auto& [name, parameter] : model.parameters()) fill(name, parameter);
    const auto ids = token_ids(static_cast<int64_t>(i), config.vocab_size);
    const double plain = largest_difference(logprobs(model, ids, expected.size()), expected);
    EXPECT_LT(plain, kTolerance);
    model.pack();
    const double packed = largest_difference(logprobs(model, ids, expected.size()), expected);
    EXPECT_LT(packed, kTolerance) << "packed";
    equal += plain < kTolerance && packed < kTolerance;
  }
  RecordProperty("equal", equal);
  EXPECT_EQ(equal, 303);
}

}  // namespace
}  // namespace retmask
