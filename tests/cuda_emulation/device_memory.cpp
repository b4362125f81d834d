#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "cuda_emulation/access_log.h"
#include "gpu/kernel_check/device_array.h"

namespace retmask::testing {

bool has_device() { return true; }

void* allocate_device(size_t bytes) {
  void* memory = ::operator new (bytes, std::align_val_t{256});
  std::memset(memory, 0xff, bytes);
  cuda_emulation::add_device_memory({memory, bytes});
  return memory;
}
void free_device(void* memory) {
  cuda_emulation::remove_device_memory(memory);
  ::operator delete (memory, std::align_val_t{256});
}

void upload(const void* from, void* to, size_t bytes) { std::memcpy(to, from, bytes); }
void download(const void* from, void* to, size_t bytes) {
  const std::string fault = cuda_emulation::take_fault();
  if (!fault.empty()) throw std::runtime_error(fault);
  std::memcpy(to, from, bytes);
}

}  // namespace retmask::testing
