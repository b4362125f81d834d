#include <cstddef>
#include <numeric>

#include "harnesses.h"
#include "retmask/checkpoint/safetensors.h"
#include "scratch_file.h"

namespace retmask::fuzz {

// The first and last byte of each tensor must be readable.
void read_safetensors(std::string_view bytes) {
  static const ScratchFile scratch("model.safetensors");
  const SafetensorsFile file(scratch.holding(bytes));
  volatile int sum = 0;
  for (const auto& [name, spec] : file.tensors()) {
    const std::span<const std::byte> data = file.bytes(name);
    if (!data.empty()) sum = sum + static_cast<int>(data.front()) + static_cast<int>(data.back());
    file.release(name);
  }
}

}  // namespace retmask::fuzz
