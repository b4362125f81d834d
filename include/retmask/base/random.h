#pragma once
// Counter-based random numbers: a stream depends on (seed, name) alone, never on draws from other
// streams.

#include <cstdint>
#include <string_view>

namespace retmask {

// SplitMix64 (Steele, Lea & Flood 2014), seeded with a hash of seed and name. Its state is two
// words, cheap to keep per sequence and to store in a checkpoint.
class RandomStream {
 public:
  RandomStream() = default;
  RandomStream(uint64_t seed, std::string_view name);

  uint64_t next();
  // Uniform in [0, 1), 53 bits.
  double uniform();
  // Uniform in [0, bound), bound > 0, without bias.
  uint64_t below(uint64_t bound);

  uint64_t state() const { return state_; }
  static RandomStream from_state(uint64_t state);

 private:
  uint64_t state_ = 0;
};

// Fisher-Yates, the same on every platform (std::shuffle is not).
template <typename Container>
void shuffle(Container& items, RandomStream& random) {
  for (uint64_t i = items.size(); i > 1; --i) {
    using std::swap;
    swap(items[i - 1], items[random.below(i)]);
  }
}

}  // namespace retmask
