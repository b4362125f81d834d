#pragma once
// Checks the memory accesses of the emulated threads (the list of faults is in cuda.h).

#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda_emulation/block.h"

namespace retmask::cuda_emulation {

// Where the running thread stands among the barriers. Epochs count up and are never used again.
struct Position {
  int thread = -1;
  uint32_t block_epoch = 0;  // changed by every block and every __syncthreads
  uint32_t warp_epoch = 0;   // changed by every __syncwarp of the thread's warp
};

struct RunningThread {
  Position position;
  uint32_t first_block_epoch = 0;  // of this block
  Memory stack;
  Memory parameters;
  Memory dynamic;  // shared memory
};

// The thread that runs; null outside a kernel.
const RunningThread* running_thread();
// Ends the grid with a fault at the running thread.
[[noreturn]] void fail(const std::string& fault);

// Device arrays, for the check of addresses.
void add_device_memory(Memory memory);
void remove_device_memory(const void* begin);

}  // namespace retmask::cuda_emulation
