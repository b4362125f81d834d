#include "large_tensors.h"

#include <c10/core/CPUAllocator.h>

#include "retmask/base/block_heap.h"

namespace retmask::train {
namespace {

// Smaller tensors are numerous and take little memory.
constexpr size_t kLargeBytes = size_t{64} << 10;

// Never destroyed: static tensors may outlive it.
BlockHeap& heap() {
  static BlockHeap& heap = *new BlockHeap;
  return heap;
}

void free_tensor(void* memory) {
  if (!heap().release(memory)) c10::GetDefaultCPUAllocator()->raw_deallocate(memory);
}

class LargeTensorAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes >= kLargeBytes ? heap().allocate(bytes) : nullptr;
    if (block == nullptr) return c10::GetDefaultCPUAllocator()->allocate(bytes);
    return {block, block, &free_tensor, c10::Device(c10::kCPU)};
  }
  // Used by oneDNN for its scratch memory.
  c10::DeleterFnPtr raw_deleter() const override { return &free_tensor; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void keep_large_tensors(int64_t room) {
  static LargeTensorAllocator& allocator = *new LargeTensorAllocator;
  heap().reserve(static_cast<size_t>(room));
  c10::SetCPUAllocator(&allocator);
}

}  // namespace retmask::train
