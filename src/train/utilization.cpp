#include "retmask/train/utilization.h"

#include <algorithm>
#include <chrono>

#include "retmask/base/error.h"
#include "retmask/model/language_model.h"

namespace retmask::train {
namespace {

using Clock = std::chrono::steady_clock;

// Large enough to reach a device's peak. On a CPU, where speeds differ by four orders of magnitude
// (an emulated one reaches 0.05 GFLOP/s), a smaller product does once it takes kLongProduct.
constexpr int64_t kSmallestCpuSize = 128;
constexpr int64_t kCpuSize = 1024;
constexpr int64_t kGpuSize = 8192;
constexpr std::chrono::milliseconds kLongProduct(20);
constexpr int kTrials = 5;  // the first ones run with cold threads and kernels
// A processor shared with other programs reaches its peak only now and then: measured until nothing
// faster has come for so long.
constexpr std::chrono::milliseconds kPatience(200);
constexpr std::chrono::seconds kLongest(3);

class SquareProduct {
 public:
  SquareProduct(int64_t size, torch::TensorOptions options)
      // Random numbers: a GPU that multiplies ones draws less power and runs faster than in
      // training.
      : a_(torch::rand({size, size}, options)), b_(torch::rand({size, size}, options)) {}

  double flops() const { return 2.0 * static_cast<double>(a_.size(0) * a_.numel()); }

  // The best of `trials` and more.
  Clock::duration best(int trials, Clock::duration patience) const {
    Clock::duration best = Clock::duration::max();
    const auto begin = Clock::now();
    auto improved = begin;
    for (int trial = 0; trial < trials || Clock::now() - improved < patience; ++trial) {
      const Clock::duration duration = run();
      if (duration < best) improved = Clock::now();
      best = std::min(best, duration);
      if (Clock::now() - begin > kLongest) break;
    }
    return best;
  }

 private:
  Clock::duration run() const {
    const auto start = Clock::now();
    const torch::Tensor product = torch::matmul(a_, b_);
    // Reading one element synchronizes with a GPU.
    RETMASK_CHECK(product[0][0].item<float>() > 0);
    return Clock::now() - start;
  }

  torch::Tensor a_;
  torch::Tensor b_;
};

SquareProduct largest_quick_product(torch::TensorOptions options) {
  if (!options.device().is_cpu()) return {kGpuSize, options};
  int64_t size = kSmallestCpuSize;
  SquareProduct product(size, options);
  while (size < kCpuSize && product.best(kTrials, /*patience=*/{}) < kLongProduct) {
    size *= 2;
    product = SquareProduct(size, options);
  }
  return product;
}

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
  const torch::NoGradGuard no_grad;
  const SquareProduct product = largest_quick_product(
      torch::TensorOptions(device).dtype(widens_products(dtype, device) ? torch::kFloat32 : dtype));
  const Clock::duration best = product.best(kTrials, kPatience);
  return product.flops() / std::chrono::duration<double>(best).count();
}

}  // namespace retmask::train
