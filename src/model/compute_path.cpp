#include "retmask/model/compute_path.h"

#include "decoder_layer.h"

namespace retmask {

std::string compute_path(const InferenceLm& model) {
  constexpr int64_t kAnyKernelsHeadDim = 128;  // every build with kernels has these
  if (model.device().is_cpu())
    return model.has_own_kernels() ? "cpu: own kernels" : "cpu: libtorch";
  if (model.has_decode()) {
    return "cuda: libtorch for prompts, own kernels in CUDA graphs for new tokens";
  }
  if (!has_cuda_decode(kAnyKernelsHeadDim)) {
    return "cuda: libtorch (this build has no CUDA kernels)";
  }
  if (!model.has_own_kernels()) return "cuda: libtorch";
  return "cuda: libtorch (no CUDA kernels for heads that are " +
         std::to_string(model.config().head_dim) + " wide)";
}

std::string training_path(torch::Device device, torch::ScalarType dtype) {
  if (device.is_cpu()) return "cpu: libtorch for products, own kernels for the rest";
  return dtype == torch::kBFloat16 ? "cuda: libtorch with flash attention" : "cuda: libtorch";
}

}  // namespace retmask
