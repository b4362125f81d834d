#pragma once
// Memory of this process and of the machine, in bytes, as Linux tells it.

#include <cstdint>
#include <string>

namespace retmask {

// Of this process, in pages that are in memory: now, and the most since it started.
int64_t resident_memory();
int64_t peak_resident_memory();

// What this process may still take: the machine's MemAvailable, or less where a control group (a
// container, a SLURM job's --mem) is nearer to its limit.
int64_t available_memory();

// From here on the C library keeps freed memory for itself. Otherwise it gives large blocks back to
// the kernel, which clears each page anew when they are taken the next time: for work that takes
// and frees the same large blocks over and over. It takes addresses for `room` bytes at once, what
// the work will need, and asks for huge pages behind them, which the processor finds faster than
// small ones; a page counts as memory when it is first written to. Where the kernel refuses either,
// only speed is lost.
void keep_freed_memory(int64_t room);

// "1.25 GiB", "312 MiB".
std::string format_bytes(int64_t bytes);

}  // namespace retmask
