#include "retmask/model/head_output_sums.h"

#include "retmask/base/error.h"

namespace retmask {

void HeadOutputSums::add(int64_t layer, const torch::Tensor& attended) {
  const torch::Tensor sum = attended.sum({0}, /*keepdim=*/false, torch::kFloat64);
  if (layer == 0) tokens_ += attended.size(0);
  const auto index = static_cast<size_t>(layer);
  if (index < sums_.size()) {
    sums_[index] += sum;
  } else {
    RETMASK_CHECK(index == sums_.size());
    sums_.push_back(sum);
  }
}

torch::Tensor HeadOutputSums::means() const {
  RETMASK_CHECK(tokens_ > 0);
  return (torch::stack(sums_) / static_cast<double>(tokens_)).to(torch::kCPU, torch::kFloat32);
}

}  // namespace retmask
