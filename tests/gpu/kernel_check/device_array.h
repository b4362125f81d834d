#pragma once
// Device memory for the checks of the kernels: by the CUDA runtime (device_memory.cu) or by the
// emulation (tests/cuda_emulation/device_memory.cpp).

#include <cstddef>
#include <cstdint>
#include <vector>

namespace retmask::testing {

// False: there is no GPU.
bool has_device();
// Aligned to 256 bytes; every byte is 0xff, which makes any float type NaN.
void* allocate_device(size_t bytes);
void free_device(void* memory);
void upload(const void* from, void* to, size_t bytes);
// Waits for all kernels. Throws std::runtime_error if one of them failed.
void download(const void* from, void* to, size_t bytes);

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t size)
      : size_(size), data_(static_cast<T*>(allocate_device(size * sizeof(T)))) {}
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    upload(values.data(), data_, size_ * sizeof(T));
  }
  ~DeviceArray() { free_device(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return data_; }
  std::vector<T> values() const {
    std::vector<T> result(size_);
    download(data_, result.data(), size_ * sizeof(T));
    return result;
  }

 private:
  size_t size_;
  T* data_;
};

}  // namespace retmask::testing
