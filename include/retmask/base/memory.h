#pragma once
// Memory of this process and of the machine, in bytes, as reported by Linux.

#include <cstddef>
#include <cstdint>
#include <string>

namespace retmask {

// Resident memory of this process: now, and its peak since start.
int64_t resident_memory();
int64_t peak_resident_memory();

// Memory this process may still allocate: the machine's MemAvailable, or less if a control group (a
// container, a SLURM job's --mem) is closer to its limit.
int64_t available_memory();

// Asks the OS for huge pages in this memory, which nothing has written yet. Where it refuses, the
// pages stay small.
void prefer_huge_pages(void* begin, size_t bytes);

// "1.25 GiB", "312 MiB".
std::string format_bytes(int64_t bytes);

}  // namespace retmask
