#include <algorithm>
#include <bit>

#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/device_array.h"
#include "retmask/kernels/cuda/adamw.h"

namespace retmask::testing {
namespace {

using kernels::BFloat16;

// A part of `count` weights, `offset` behind the beginning of its arrays.
double check_adamw(size_t count, size_t offset) {
  const kernels::AdamWStep step{
      .decay = 0.999F, .beta1 = 0.9F, .beta2 = 0.95F, .rate = 0.01F, .scale = 1.2F, .eps = 1e-8F};
  std::mt19937 random(6);
  const size_t size = offset + count + 1;  // and one behind it
  const auto weights = random_values<float>(size, random);
  std::vector<BFloat16> upper(size);
  std::vector<int16_t> lower(size);
  for (size_t i = 0; i < size; ++i) {
    const auto bits = std::bit_cast<uint32_t>(weights[i]);
    lower[i] = static_cast<int16_t>(bits);
    upper[i].bits = static_cast<uint16_t>((bits + 0x8000U) >> 16);
  }
  const auto gradient = random_values<float>(size, random);
  const auto exp_avg = random_values<float>(size, random);
  auto exp_avg_sq = random_values<float>(size, random);
  for (float& value : exp_avg_sq) value *= value;
  DeviceArray<BFloat16> gpu_upper(upper);
  DeviceArray<int16_t> gpu_lower(lower);
  DeviceArray<float> gpu_gradient(gradient), gpu_exp_avg(exp_avg), gpu_exp_avg_sq(exp_avg_sq);
  kernels::cuda::adamw(step,
                       {.upper = gpu_upper.data() + offset,
                        .lower = gpu_lower.data() + offset,
                        .gradient = gpu_gradient.data() + offset,
                        .exp_avg = gpu_exp_avg.data() + offset,
                        .exp_avg_sq = gpu_exp_avg_sq.data() + offset},
                       static_cast<int64_t>(count),
                       nullptr);

  std::vector<double> new_weights, new_exp_avg, new_exp_avg_sq;
  for (size_t i = 0; i < size; ++i) {
    const bool is_in = i >= offset && i < offset + count;
    const double g = gradient[i];
    const double m = is_in ? exp_avg[i] + (1.0 - step.beta1) * (g - exp_avg[i]) : exp_avg[i];
    const double v =
        is_in ? step.beta2 * exp_avg_sq[i] + (1.0 - step.beta2) * g * g : exp_avg_sq[i];
    new_exp_avg.push_back(m);
    new_exp_avg_sq.push_back(v);
    new_weights.push_back(is_in ? weights[i] * step.decay -
                                      step.rate * m / (std::sqrt(v) * step.scale + step.eps)
                                : weights[i]);
  }
  const auto found_upper = gpu_upper.values();
  const auto found_lower = gpu_lower.values();
  std::vector<float> found(size);
  for (size_t i = 0; i < size; ++i) {
    const uint32_t bits = (static_cast<uint32_t>(found_upper[i].bits) << 16) +
                          static_cast<uint32_t>(static_cast<int32_t>(found_lower[i]));
    found[i] = std::bit_cast<float>(bits);
  }
  return std::max({largest_error(found, new_weights),
                   largest_error(gpu_exp_avg.values(), new_exp_avg),
                   largest_error(gpu_exp_avg_sq.values(), new_exp_avg_sq)});
}

}  // namespace

std::vector<Case> adamw_cases() {
  std::vector<Case> cases;
  // Vectors of four, an odd number, parts that begin between vectors, and more than one round of
  // the grid.
  for (const auto& [count, offset] :
       {std::pair{1000, 0}, {999, 0}, {1000, 8}, {1000, 3}, {1200001, 0}}) {
    cases.push_back(
        {.name = "adamw/" + std::to_string(count) + "_from_" + std::to_string(offset),
         .tolerance = kTolerance<float>,
         .run = [count = static_cast<size_t>(count), offset = static_cast<size_t>(offset)] {
           return check_adamw(count, offset);
         }});
  }
  return cases;
}

}  // namespace retmask::testing
