// Compiled once per harness; RETMASK_FUZZ_HARNESS is its name.

#include <cstddef>
#include <cstdint>

#include "harnesses.h"
#include "retmask/base/log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using retmask::fuzz::Harness;
  static const Harness& harness = []() -> const Harness& {
    retmask::log::set_quiet(true);
    for (const Harness& known : retmask::fuzz::harnesses())
      if (known.name == RETMASK_FUZZ_HARNESS) return known;
    __builtin_trap();
  }();
  retmask::fuzz::run(harness, {reinterpret_cast<const char*>(data), size});
  return 0;
}
