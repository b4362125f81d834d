#pragma once
// Where a training run's tensors lie on a CPU.

#include <cstdint>

namespace retmask::train {

// From here on this process's large CPU tensors come out of one BlockHeap of at least `room` bytes,
// what the work will need together; those that find no room there lie where small ones do.
void keep_large_tensors(int64_t room);

}  // namespace retmask::train
