#include "retmask/base/random.h"

namespace retmask {
namespace {

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

RandomStream::RandomStream(uint64_t seed, std::string_view name) {
  uint64_t hash = mix(seed + 0x9e3779b97f4a7c15ULL);
  for (const unsigned char c : name) hash = mix(hash ^ c) + 0x9e3779b97f4a7c15ULL;
  state_ = hash;
}

RandomStream RandomStream::from_state(uint64_t state) {
  RandomStream stream;
  stream.state_ = state;
  return stream;
}

uint64_t RandomStream::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  return mix(state_);
}

double RandomStream::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

uint64_t RandomStream::below(uint64_t bound) {
  // Rejects the short last cycle, so that all values are equally likely.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t drawn = next();
  while (drawn >= limit) drawn = next();
  return drawn % bound;
}

}  // namespace retmask
