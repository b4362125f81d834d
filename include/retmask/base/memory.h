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

// "1.25 GiB", "312 MiB".
std::string format_bytes(int64_t bytes);

}  // namespace retmask
