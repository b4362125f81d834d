#include "rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace retmask {
namespace {

using std::numbers::pi;

// Wavelengths beyond the pre-training context are stretched by `factor`, short ones are kept, and
// those in between are blended. Source: _compute_llama3_parameters in transformers
// modeling_rope_utils.py.
torch::Tensor llama3_frequencies(const torch::Tensor& plain, const RopeConfig& rope) {
  const auto original = static_cast<double>(rope.original_max_position_embeddings);
  const torch::Tensor wavelength = 2 * pi / plain;
  const torch::Tensor blend = (original / wavelength - rope.low_freq_factor) /
                              (rope.high_freq_factor - rope.low_freq_factor);
  const torch::Tensor blended = (1 - blend) * plain / rope.factor + blend * plain;
  const torch::Tensor stretched =
      torch::where(wavelength > original / rope.low_freq_factor, plain / rope.factor, plain);
  const torch::Tensor is_between = (wavelength >= original / rope.high_freq_factor) &
                                   (wavelength <= original / rope.low_freq_factor);
  return torch::where(is_between, blended, stretched);
}

// YaRN (Peng et al. 2023): a linear ramp over the dimensions from extrapolation (kept) to
// interpolation (stretched). Source: _compute_yarn_parameters in transformers
// modeling_rope_utils.py.
torch::Tensor yarn_frequencies(const torch::Tensor& plain,
                               const RopeConfig& rope,
                               int64_t head_dim) {
  const auto dim = static_cast<double>(head_dim);
  const auto correction_dim = [&](double rotations) {
    return dim *
           std::log(static_cast<double>(rope.original_max_position_embeddings) /
                    (rotations * 2 * pi)) /
           (2 * std::log(rope.rope_theta));
  };
  double low = correction_dim(rope.beta_fast);
  double high = correction_dim(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;  // avoids division by zero
  const torch::Tensor ramp =
      ((torch::arange(head_dim / 2, torch::kFloat32) - low) / (high - low)).clamp(0, 1);
  return plain / rope.factor * ramp + plain * (1 - ramp);
}

// [head_dim / 2] float32: the powers of theta.
torch::Tensor exponents(int64_t head_dim, torch::Device device) {
  const auto options = torch::TensorOptions(torch::kFloat32).device(device);
  return torch::arange(0, head_dim, 2, options) / static_cast<double>(head_dim);
}

// lengths [T] int64, plain [head_dim / 2] -> [T, head_dim / 2]: theta grows with the sequence's
// length. Source: _compute_dynamic_ntk_parameters in transformers modeling_rope_utils.py.
torch::Tensor dynamic_frequencies(const torch::Tensor& lengths,
                                  const torch::Tensor& plain,
                                  const RopeConfig& rope,
                                  int64_t head_dim) {
  const auto original = static_cast<double>(rope.original_max_position_embeddings);
  const auto dim = static_cast<double>(head_dim);
  const torch::Tensor stretch =
      rope.factor * lengths.to(torch::kFloat32) / original - (rope.factor - 1);
  // Below the original length the base may be negative, and its power NaN.
  const torch::Tensor theta =
      rope.rope_theta * stretch.clamp_min(1e-6).pow(dim / (dim - 2)).unsqueeze(1);
  const torch::Tensor stretched =
      1.0 / torch::pow(theta, exponents(head_dim, plain.device()).unsqueeze(0));
  return torch::where((lengths > rope.original_max_position_embeddings).unsqueeze(1),
                      stretched,
                      plain.unsqueeze(0));
}

}  // namespace

torch::Tensor rope_inverse_frequencies(const RopeConfig& rope, int64_t head_dim) {
  const torch::Tensor plain = 1.0 / torch::pow(rope.rope_theta, exponents(head_dim, torch::kCPU));
  switch (rope.type) {
    case RopeType::standard:
    case RopeType::dynamic:
      return plain;
    case RopeType::linear:
      return plain / rope.factor;
    case RopeType::llama3:
      return llama3_frequencies(plain, rope);
    case RopeType::yarn:
      return yarn_frequencies(plain, rope, head_dim);
  }
  return plain;
}

RopeSet::RopeSet(const ModelConfig& config, torch::Device device) : head_dim_(config.head_dim) {
  for (const LayerConfig& layer : config.layers) {
    const auto found = std::find(ropes_.begin(), ropes_.end(), layer.rope);
    layer_index_.push_back(static_cast<size_t>(found - ropes_.begin()));
    if (found != ropes_.end()) continue;
    ropes_.push_back(layer.rope);
    inverse_frequencies_.push_back(
        rope_inverse_frequencies(layer.rope, config.head_dim).to(device));
  }
}

bool RopeSet::depends_on_length() const {
  return std::ranges::any_of(ropes_, &RopeConfig::depends_on_length);
}

std::vector<Rotation> RopeSet::rotations(const torch::Tensor& positions,
                                         const torch::Tensor& lengths) const {
  std::vector<Rotation> result;
  for (size_t i = 0; i < ropes_.size(); ++i) {
    const torch::Tensor frequencies =
        ropes_[i].type == RopeType::dynamic
            ? dynamic_frequencies(lengths, inverse_frequencies_[i], ropes_[i], head_dim_)
            : inverse_frequencies_[i].unsqueeze(0);
    const torch::Tensor angles =
        (positions.to(torch::kFloat32).unsqueeze(1) * frequencies).unsqueeze(1);
    const double factor = ropes_[i].attention_factor;
    result.push_back({angles.cos() * factor, angles.sin() * factor});
  }
  return result;
}

torch::Tensor apply_rotation(const torch::Tensor& x, const Rotation& rotation) {
  const auto halves = x.chunk(2, /*dim=*/-1);
  // float32 cos and sin promote a bfloat16 x, so the rotation itself is not rounded twice.
  return torch::cat({halves[0] * rotation.cos - halves[1] * rotation.sin,
                     halves[1] * rotation.cos + halves[0] * rotation.sin},
                    /*dim=*/-1)
      .to(x.scalar_type());
}

}  // namespace retmask
