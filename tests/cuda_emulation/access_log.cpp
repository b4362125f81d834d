// g++ -fsanitize=thread puts a call before each access to memory that other threads might see. The
// calls are defined here, in place of ThreadSanitizer's library, which knows neither fibers nor
// barriers of a block.

#include "cuda_emulation/access_log.h"

#include <dlfcn.h>

#include <cstdio>
#include <map>
#include <vector>

// The program's static variables, by the linker.
extern "C" char __data_start[];
extern "C" char _end[];

namespace retmask::cuda_emulation {
namespace {

enum class Access { kRead, kWrite, kAtomic };

struct Stamp {
  Position position;
  const void* code = nullptr;
};

// A race exists between two accesses that nothing orders.
bool is_unordered(const Stamp& before, const Position& now) {
  const Position& then = before.position;
  if (then.block_epoch != now.block_epoch || then.thread == now.thread) return false;
  return then.thread / 32 != now.thread / 32 || then.warp_epoch == now.warp_epoch;
}

// Accesses of one kind to one byte: the latest of two lanes of the first warp since the last
// barrier of the block. No others are needed to tell whether any is unordered with a later access:
// between barriers the warps run one after another.
class Accesses {
 public:
  const Stamp* unordered_with(const Position& now) const {
    for (const Stamp& stamp : stamps_)
      if (is_unordered(stamp, now)) return &stamp;
    return nullptr;
  }
  bool happened_since(uint32_t block_epoch) const {
    return stamps_[0].position.block_epoch >= block_epoch;
  }
  void add(const Stamp& stamp) {
    const Position& first = stamps_[0].position;
    const Position& now = stamp.position;
    if (first.block_epoch == now.block_epoch && first.thread / 32 != now.thread / 32) return;
    const bool is_together =
        first.block_epoch == now.block_epoch && first.warp_epoch == now.warp_epoch;
    if (is_together && first.thread != now.thread) {
      stamps_[1] = stamp;
    } else {
      stamps_[0] = stamp;
    }
  }

 private:
  Stamp stamps_[2];
};

struct Byte {
  Accesses reads;
  Accesses writes;
  Accesses atomics;
};

// Of every static variable: those in shared memory, dynamic_shared()'s among them, are the only
// ones that a kernel touches.
std::vector<Byte> shared_bytes(static_cast<size_t>(_end - __data_start));
std::map<const char*, size_t> device_arrays;

const char* begin_of(const Memory& memory) { return static_cast<const char*>(memory.begin); }

bool contains(const Memory& memory, const char* address, size_t size) {
  return address >= begin_of(memory) && address + size <= begin_of(memory) + memory.size;
}

bool is_shared_memory(const RunningThread& thread, const char* address, size_t size) {
  if (address < __data_start || address + size > _end) return false;
  const auto* dynamic = static_cast<const char*>(dynamic_shared());
  const bool is_dynamic = address >= dynamic && address < dynamic + kMaxDynamicBytes;
  return !is_dynamic || contains(thread.dynamic, address, size);
}

bool is_device_memory(const char* address, size_t size) {
  const auto after = device_arrays.upper_bound(address);
  if (after == device_arrays.begin()) return false;
  const auto& [begin, bytes] = *std::prev(after);
  return contains({begin, bytes}, address, size);
}

// For `addr2line -e PROGRAM OFFSET`.
std::string place(const void* code) {
  Dl_info module{};
  dladdr(code, &module);
  char text[32];
  std::snprintf(text,
                sizeof text,
                "+%#zx",
                static_cast<size_t>(static_cast<const char*>(code) -
                                    static_cast<const char*>(module.dli_fbase)));
  return text;
}

const char* verb(Access kind) {
  if (kind == Access::kRead) return "reads";
  return kind == Access::kWrite ? "writes" : "changes atomically";
}

void note_shared(const RunningThread& thread, Byte& byte, Access kind, const void* code) {
  const Position& now = thread.position;
  const auto check = [&](Access kind_before, const Accesses& accesses) {
    const Stamp* before = accesses.unordered_with(now);
    if (before == nullptr) return;
    fail("race on shared memory: it " + std::string(verb(kind)) + " (" + place(code) +
         ") what thread " + std::to_string(before->position.thread) + " " + verb(kind_before) +
         " (" + place(before->code) + ")");
  };
  if (kind != Access::kWrite && !byte.writes.happened_since(thread.first_block_epoch) &&
      !byte.atomics.happened_since(thread.first_block_epoch)) {
    fail("it reads shared memory that was not written (" + place(code) + ")");
  }
  check(Access::kWrite, byte.writes);
  if (kind != Access::kRead) check(Access::kRead, byte.reads);
  if (kind != Access::kAtomic) check(Access::kAtomic, byte.atomics);
  Accesses& own = kind == Access::kRead    ? byte.reads
                  : kind == Access::kWrite ? byte.writes
                                           : byte.atomics;
  own.add({now, code});
}

void check_aligned(const void* address, size_t alignment, const void* code) {
  if (running_thread() != nullptr && reinterpret_cast<uintptr_t>(address) % alignment != 0)
    fail("an address (" + place(code) + ") is no multiple of " + std::to_string(alignment));
}

void note(const void* at, size_t size, Access kind, const void* code) {
  const RunningThread* thread = running_thread();
  if (thread == nullptr) return;  // the host's part of a source file
  const auto* address = static_cast<const char*>(at);
  if (contains(thread->stack, address, size)) return;
  if (is_shared_memory(*thread, address, size)) {
    Byte* const bytes = &shared_bytes[static_cast<size_t>(address - __data_start)];
    for (size_t i = 0; i < size; ++i) note_shared(*thread, bytes[i], kind, code);
    return;
  }
  if (is_device_memory(address, size)) return;
  if (kind == Access::kRead && contains(thread->parameters, address, size)) return;
  fail("it " + std::string(verb(kind)) + " " + std::to_string(size) + " bytes (" + place(code) +
       ") outside the device arrays and shared memory");
}

void note_aligned(const void* at, size_t size, Access kind, const void* code) {
  check_aligned(at, size, code);
  note(at, size, kind, code);
}

}  // namespace

void add_device_memory(Memory memory) { device_arrays[begin_of(memory)] = memory.size; }
void remove_device_memory(const void* begin) {
  device_arrays.erase(static_cast<const char*>(begin));
}

void note_atomic(const void* address, size_t size) {
  note_aligned(address, size, Access::kAtomic, __builtin_return_address(0));
}
void check_alignment(const void* address, size_t alignment) {
  check_aligned(address, alignment, __builtin_return_address(0));
}

}  // namespace retmask::cuda_emulation

using retmask::cuda_emulation::Access;
using retmask::cuda_emulation::note;
using retmask::cuda_emulation::note_aligned;

#define RETMASK_ACCESS(SIZE)                                             \
  void __tsan_read##SIZE(void* at) {                                     \
    note_aligned(at, SIZE, Access::kRead, __builtin_return_address(0));  \
  }                                                                      \
  void __tsan_write##SIZE(void* at) {                                    \
    note_aligned(at, SIZE, Access::kWrite, __builtin_return_address(0)); \
  }

extern "C" {
RETMASK_ACCESS(1)
RETMASK_ACCESS(2)
RETMASK_ACCESS(4)
RETMASK_ACCESS(8)
RETMASK_ACCESS(16)
void __tsan_read_range(void* at, size_t size) {
  note(at, size, Access::kRead, __builtin_return_address(0));
}
void __tsan_write_range(void* at, size_t size) {
  note(at, size, Access::kWrite, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
}
