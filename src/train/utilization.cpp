#include "retmask/train/utilization.h"

#include <algorithm>
#include <chrono>

#include "retmask/base/error.h"
#include "retmask/model/language_model.h"

namespace retmask::train {
namespace {

// Large enough to reach a device's peak, small enough to finish quickly.
constexpr int64_t kCpuSize = 1024;
constexpr int64_t kGpuSize = 8192;
constexpr int kTrials = 5;  // the first ones run with cold threads and kernels
// Minimum duration: a processor shared with other programs reaches its peak only now and then.
constexpr std::chrono::milliseconds kDuration(200);

}  // namespace

TrainingFlops::TrainingFlops(const ModelConfig& config)
    : config_(config),
      head_weights_(static_cast<double>(config.vocab_size) *
                    static_cast<double>(config.hidden_size)) {
  // Embedding and head have the same shape.
  const double outside = head_weights_ * (config.tie_word_embeddings ? 1 : 2);
  body_weights_ = static_cast<double>(num_weights(config)) - outside;
}

double TrainingFlops::of_sequence(int64_t tokens, int64_t scored_tokens) const {
  const auto length = static_cast<double>(tokens);
  const double width = static_cast<double>(config_.num_attention_heads * config_.head_dim);  // H Q
  double attention = 0;
  for (const LayerConfig& layer : config_.layers) {
    const auto reach = static_cast<double>(std::min(tokens, layer.sliding_window.value_or(tokens)));
    attention += 12 * width * reach * length;
  }
  return 6 * (body_weights_ * length + head_weights_ * static_cast<double>(scored_tokens)) +
         attention;
}

double TrainingFlops::of_rows(const std::vector<TrainingExample>& examples,
                              const RowIndices& rows) const {
  double flops = 0;
  for (const int64_t row : rows) {
    const TrainingExample& example = examples.at(static_cast<size_t>(row));
    const int64_t chosen = example.chosen_length();
    flops += of_sequence(chosen, chosen - example.chosen_start());
    if (example.rejected.empty()) continue;
    const int64_t rejected = example.rejected_length();
    flops += of_sequence(rejected, rejected - example.rejected_start());
  }
  return flops;
}

double measure_peak_flops(torch::Device device, torch::ScalarType dtype) {
  const int64_t size = device.is_cpu() ? kCpuSize : kGpuSize;
  const torch::NoGradGuard no_grad;
  const auto options =
      torch::TensorOptions(device).dtype(widens_products(dtype, device) ? torch::kFloat32 : dtype);
  // Random numbers: a GPU that multiplies ones draws less power and runs faster than in training.
  const torch::Tensor a = torch::rand({size, size}, options);
  const torch::Tensor b = torch::rand({size, size}, options);
  double best = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int trial = 0;; ++trial) {
    const auto spent = std::chrono::steady_clock::now() - begin;
    if (trial >= kTrials && spent > kDuration) break;
    const auto start = std::chrono::steady_clock::now();
    const torch::Tensor product = torch::matmul(a, b);
    // Reading one element synchronizes with a GPU.
    RETMASK_CHECK(product[0][0].item<float>() > 0);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * static_cast<double>(size * size * size) / elapsed.count());
  }
  return best;
}

}  // namespace retmask::train
