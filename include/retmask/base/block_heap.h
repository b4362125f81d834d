#pragma once
// A heap of large memory blocks, carved from mappings requested from the kernel once.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace retmask {

// For work that allocates and frees the same large blocks over and over. Freed blocks stay in the
// heap, so the kernel does not zero their pages again. Small objects live elsewhere: each of them
// would keep its free neighbours from being merged. The mappings ask for huge pages, which reduce
// TLB misses; where the kernel refuses them, only speed is lost. Thread-safe.
class BlockHeap {
 public:
  static constexpr size_t kAlignment = 64;

  BlockHeap() = default;
  ~BlockHeap();
  BlockHeap(const BlockHeap&) = delete;
  BlockHeap& operator=(const BlockHeap&) = delete;

  // Maps address space until the heap holds `bytes` in all; a page uses memory only once it is
  // written to. If the kernel refuses, allocate() fails later.
  void reserve(size_t bytes);
  // An uninitialized block at a multiple of kAlignment: best fit, the smallest free block that is
  // large enough. Null if there is none.
  void* allocate(size_t bytes);
  // False if `block` does not belong to this heap.
  bool release(void* block);

 private:
  using Address = uintptr_t;
  struct Block {
    size_t bytes;
    bool is_free;
  };
  void add_free(Address begin, size_t bytes);

  std::mutex mutex_;
  std::vector<std::pair<void*, size_t>> mappings_;
  std::map<Address, Block> blocks_;
  std::set<std::pair<size_t, Address>> free_;
};

}  // namespace retmask
