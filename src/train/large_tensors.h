#pragma once
// CPU memory for the large tensors of a training run.

#include <cstdint>

namespace retmask::train {

// From now on large CPU tensors of this process are allocated from one BlockHeap of at least `room`
// bytes, the total that the run will need. If it is full, they fall back to the default allocator.
void keep_large_tensors(int64_t room);

}  // namespace retmask::train
