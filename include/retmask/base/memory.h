#pragma once
// Memory of this process and of the machine, in bytes, as reported by Linux.

#include <cstdint>
#include <string>

namespace retmask {

// Resident memory of this process: now, and its peak since start.
int64_t resident_memory();
int64_t peak_resident_memory();

// Memory this process may still allocate: the machine's MemAvailable, or less if a control group (a
// container, a SLURM job's --mem) is closer to its limit.
int64_t available_memory();

// "1.25 GiB", "312 MiB".
std::string format_bytes(int64_t bytes);

}  // namespace retmask
