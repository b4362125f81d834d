#include "retmask/base/block_heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

namespace retmask {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_up(size_t bytes, size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

}  // namespace

BlockHeap::~BlockHeap() {
  for (const auto& [begin, bytes] : mappings_) ::munmap(begin, bytes);
}

void BlockHeap::reserve(size_t bytes) {
  const std::lock_guard lock(mutex_);
  size_t taken = 0;
  for (const auto& [block_begin, block] : blocks_) taken += block.bytes;
  if (taken >= bytes) return;
  // One huge page more than needed, since the mapping may start at any page.
  const size_t more = round_up(bytes - taken, kHugePage);
  const size_t mapped = more + kHugePage;
  void* begin = ::mmap(nullptr,
                       mapped,
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       /*fd=*/-1,
                       /*offset=*/0);
  if (begin == MAP_FAILED) return;
  mappings_.emplace_back(begin, mapped);
  const Address aligned = round_up(reinterpret_cast<Address>(begin), kHugePage);
  ::madvise(reinterpret_cast<void*>(aligned), more, MADV_HUGEPAGE);
  add_free(aligned, more);
}

void* BlockHeap::allocate(size_t bytes) {
  const size_t wanted = round_up(std::max<size_t>(bytes, 1), kAlignment);
  const std::lock_guard lock(mutex_);
  const auto found = free_.lower_bound({wanted, 0});
  if (found == free_.end()) return nullptr;
  const auto [all, begin] = *found;
  free_.erase(found);
  blocks_[begin] = {.bytes = wanted, .is_free = false};
  if (all > wanted) add_free(begin + wanted, all - wanted);
  return reinterpret_cast<void*>(begin);
}

bool BlockHeap::release(void* block) {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(reinterpret_cast<Address>(block));
  if (found == blocks_.end() || found->second.is_free) return false;
  const auto [begin, released] = *found;
  blocks_.erase(found);
  add_free(begin, released.bytes);
  return true;
}

// Merges with the free blocks on both sides. No block begins at `begin` yet.
void BlockHeap::add_free(Address begin, size_t bytes) {
  const auto next = blocks_.lower_bound(begin);
  if (next != blocks_.end() && next->first == begin + bytes && next->second.is_free) {
    bytes += next->second.bytes;
    free_.erase({next->second.bytes, next->first});
    blocks_.erase(next);
  }
  const auto after = blocks_.lower_bound(begin);
  if (after != blocks_.begin()) {
    const auto before = std::prev(after);
    if (before->second.is_free && before->first + before->second.bytes == begin) {
      begin = before->first;
      bytes += before->second.bytes;
      free_.erase({before->second.bytes, before->first});
    }
  }
  blocks_[begin] = {.bytes = bytes, .is_free = true};
  free_.emplace(bytes, begin);
}

}  // namespace retmask
