#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

#include "gpu/kernel_check/device_array.h"

namespace retmask::testing {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess)
    throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

}  // namespace

bool has_device() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

void* allocate_device(size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes));
  check(cudaMemset(memory, 0xff, bytes));
  return memory;
}
void free_device(void* memory) { cudaFree(memory); }

void upload(const void* from, void* to, size_t bytes) {
  check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice));
}
void download(const void* from, void* to, size_t bytes) {
  check(cudaGetLastError());  // of a launch
  check(cudaDeviceSynchronize());
  check(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost));
}

}  // namespace retmask::testing
