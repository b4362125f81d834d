#pragma once
// Large blocks of memory, cut out of what was asked of the kernel once.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace retmask {

// For work that takes and frees the same large blocks over and over. What is freed stays here: the
// kernel clears no page a second time. It lies apart from small objects, each of which would keep
// its free neighbours from becoming one block. And it asks for huge pages, which the processor
// finds faster than small ones; where the kernel refuses them, only speed is lost. May be used from
// several threads at once.
class BlockHeap {
 public:
  static constexpr size_t kAlignment = 64;

  BlockHeap() = default;
  ~BlockHeap();
  BlockHeap(const BlockHeap&) = delete;
  BlockHeap& operator=(const BlockHeap&) = delete;

  // Takes addresses until there are `bytes` in all; a page counts as memory when it is first
  // written to. Where the kernel has none, allocate() will say so.
  void reserve(size_t bytes);
  // Not cleared, at a multiple of kAlignment: of the free blocks that are large enough the
  // smallest. Null where there is none.
  void* allocate(size_t bytes);
  // False where it is not a block of this heap.
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
