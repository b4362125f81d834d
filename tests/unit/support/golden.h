#pragma once
// Shared test data: the committed tiny models and values computed with them by transformers.

#include <torch/types.h>

#include <string>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/checkpoint/safetensors.h"
#include "retmask/model/device.h"
#include "retmask/model/inference.h"
#include "retmask/model/model.h"
#include "unit/support/golden_files.h"

namespace retmask::testing {

// A file of tests/golden/model (made by make_tiny_models.py).
class Golden {
 public:
  explicit Golden(const std::string& family)
      : file_(golden_dir() / "model" / (family + ".safetensors")) {}

  torch::Tensor operator[](const std::string& name) const {
    const TensorSpec& spec = file_.tensors().at(name);
    return torch::from_blob(
               const_cast<std::byte*>(file_.bytes(name).data()), spec.shape, to_torch(spec.type))
        .clone();
  }
  std::vector<int64_t> ids(const std::string& name) const {
    const torch::Tensor tensor = (*this)[name];
    return {tensor.data_ptr<int64_t>(), tensor.data_ptr<int64_t>() + tensor.numel()};
  }
  const std::map<std::string, TensorSpec>& tensors() const { return file_.tensors(); }

 private:
  SafetensorsFile file_;
};

inline CausalLm load_tiny(const std::string& family,
                          torch::ScalarType dtype = torch::kFloat32,
                          torch::DeviceType device = torch::kCPU) {
  return CausalLm::load(Checkpoint(golden_dir() / "tiny" / family), device, dtype);
}
// As in the commands, with the CPU kernels.
inline InferenceLm load_tiny_for_inference(const std::string& family,
                                           torch::ScalarType dtype = torch::kFloat32) {
  return InferenceLm(load_tiny(family, dtype));
}
inline InferenceLm load_tiny_with_libtorch(const std::string& family,
                                           torch::ScalarType dtype = torch::kFloat32) {
  return InferenceLm::with_libtorch(load_tiny(family, dtype));
}

inline PackedBatch whole_sequences(const std::vector<std::vector<int64_t>>& sequences) {
  PackedBatch batch;
  std::vector<int64_t> tokens;
  for (const auto& sequence : sequences) {
    tokens.insert(tokens.end(), sequence.begin(), sequence.end());
    batch.lengths.push_back(static_cast<int64_t>(sequence.size()));
  }
  batch.token_ids = torch::tensor(tokens, torch::kInt64);
  return batch;
}

inline double max_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

// ||found - expected|| / ||expected||; `found` may be on a GPU.
inline double relative_error(const torch::Tensor& found, const torch::Tensor& expected) {
  const torch::Tensor wanted = expected.to(torch::kFloat64);
  return ((found.to(torch::kCPU, torch::kFloat64) - wanted).norm() / wanted.norm()).item<double>();
}

}  // namespace retmask::testing
