// For builds without a CUDA compiler.

#include "decoder_layer.h"
#include "retmask/base/error.h"

namespace retmask {

bool has_cuda_kernels() { return false; }
bool has_cuda_decode(int64_t) { return false; }

CudaLayer make_cuda_layer(const LayerShape&, const LayerParameters&) {
  throw InternalError("built without CUDA kernels");
}

}  // namespace retmask
