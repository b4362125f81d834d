#pragma once
// Aligned arrays for one call of a kernel, carved from a buffer that its caller reuses.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace retmask::kernels {

class Workspace {
 public:
  // Room for `bytes`, the sum of size_of() of all arrays.
  Workspace(std::vector<float>& buffer, int64_t bytes) {
    const auto size = static_cast<size_t>((bytes + kAlignment) / sizeof(float));
    if (buffer.size() < size) buffer.resize(size);
    void* begin = buffer.data();
    size_t space = buffer.size() * sizeof(float);
    next_ =
        static_cast<std::byte*>(std::align(kAlignment, static_cast<size_t>(bytes), begin, space));
  }

  template <typename T>
  static constexpr int64_t size_of(int64_t count) {
    const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  // Uninitialised.
  template <typename T>
  T* take(int64_t count) {
    return reinterpret_cast<T*>(std::exchange(next_, next_ + size_of<T>(count)));
  }

 private:
  static constexpr int64_t kAlignment = 64;  // a cache line
  std::byte* next_ = nullptr;
};

}  // namespace retmask::kernels
