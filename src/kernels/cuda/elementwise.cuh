#pragma once
// Kernels that go over arrays element by element.

#include <algorithm>
#include <cstdint>

namespace retmask::kernels::cuda {

// N elements, read and written at a time.
template <typename Element, int N>
struct alignas(N * sizeof(Element)) Several {
  Element values[N];
};

template <int N, typename Element>
__device__ Several<Element, N> load(const Element* from) {
  return *reinterpret_cast<const Several<Element, N>*>(from);
}
template <typename Element, int N>
__device__ void store(const Several<Element, N>& values, Element* to) {
  *reinterpret_cast<Several<Element, N>*>(to) = values;
}

// Calls function(item) for the items of this thread.
template <typename Function>
__device__ void for_items(int64_t items, const Function& function) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t item = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; item < items;
       item += step) {
    function(item);
  }
}

// Of a launch for `items`.
inline unsigned blocks_for(int64_t items, int threads) {
  constexpr int64_t kMostBlocks = 4096;  // several per multiprocessor on any GPU
  return static_cast<unsigned>(std::min(kMostBlocks, (items + threads - 1) / threads));
}

}  // namespace retmask::kernels::cuda
