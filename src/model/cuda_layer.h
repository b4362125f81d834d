#pragma once
// The decoder layer on a GPU with prepared weights. Prompts use libtorch but for SwiGLU; a step of
// one new token per sequence (DecodeBatch) uses our kernels throughout. Present in builds with a
// CUDA compiler (cuda_layer.cpp, else no_cuda_layer.cpp).

#include <memory>

#include "decoder_layer.h"

namespace retmask {

bool has_cuda_kernels();
// Whether the attention of DecodeBatch has a kernel for these heads.
bool has_cuda_decode(int64_t head_dim);

// Both compute the same layer, from one copy of the matrices, which move out of `parameters`.
struct CudaLayer {
  std::shared_ptr<const DecoderLayer> prompts;
  std::shared_ptr<const DecoderLayer> decode;  // null without a kernel for the head size
};
CudaLayer make_cuda_layer(const LayerShape& shape, const LayerParameters& parameters);

}  // namespace retmask
