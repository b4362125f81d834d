#pragma once
// Arrays between two inaccessible pages: a kernel that reads or writes one element past the end
// crashes at once. The bytes before an array, down to its first page, are NaN: reading one spoils
// the result, and writing to one aborts the program.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace retmask::kernels::testing {

template <typename T>
struct GuardedMemory {
  using value_type = T;

  GuardedMemory() = default;
  template <typename U>
  GuardedMemory(const GuardedMemory<U>&) {}  // NOLINT(google-explicit-constructor)

  T* allocate(size_t count) {
    const Layout layout(count);
    void* begin = ::mmap(nullptr,
                         layout.inside + 2 * layout.page,
                         PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS,
                         /*fd=*/-1,
                         /*offset=*/0);
    if (begin == MAP_FAILED) throw std::bad_alloc();
    auto* inside = static_cast<std::byte*>(begin) + layout.page;
    if (::mprotect(inside, layout.inside, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    std::memset(inside, kBefore, layout.inside - layout.bytes);
    return reinterpret_cast<T*>(inside + layout.inside - layout.bytes);
  }

  void deallocate(T* values, size_t count) {
    const Layout layout(count);
    auto* end = reinterpret_cast<std::byte*>(values) + layout.bytes;
    std::byte* inside = end - layout.inside;
    const auto untouched = [](std::byte byte) { return byte == static_cast<std::byte>(kBefore); };
    if (!std::all_of(inside, reinterpret_cast<std::byte*>(values), untouched)) {
      std::fputs("write before the start of an array\n", stderr);
      std::abort();
    }
    ::munmap(inside - layout.page, layout.inside + 2 * layout.page);
  }

  bool operator==(const GuardedMemory&) const { return true; }

 private:
  static constexpr int kBefore = 0xFF;  // a NaN in float32 and in bfloat16

  struct Layout {
    explicit Layout(size_t count)
        : page(static_cast<size_t>(::sysconf(_SC_PAGESIZE))),
          bytes(count * sizeof(T)),
          inside((bytes + page - 1) / page * page) {}
    size_t page;
    size_t bytes;
    size_t inside;  // bytes in whole pages
  };
};

template <typename T>
using Guarded = std::vector<T, GuardedMemory<T>>;

}  // namespace retmask::kernels::testing
