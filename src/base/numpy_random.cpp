#include "retmask/base/numpy_random.h"

#include <array>
#include <bit>
#include <cmath>
#include <numeric>

namespace retmask {
namespace {

using uint128 = unsigned __int128;

constexpr uint128 make_uint128(uint64_t high, uint64_t low) {
  return (static_cast<uint128>(high) << 64) | low;
}

// numpy's SeedSequence (O'Neill's seed_seq): eight words out of a seed.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t seed) {
    const std::array<uint32_t, 2> words = {static_cast<uint32_t>(seed),
                                           static_cast<uint32_t>(seed >> 32)};
    Hash hash(0x43b0d7e5U, 0x931e8875U);
    for (size_t i = 0; i < pool_.size(); ++i) pool_[i] = hash(i < words.size() ? words[i] : 0U);
    for (size_t source = 0; source < pool_.size(); ++source) {
      for (size_t target = 0; target < pool_.size(); ++target) {
        if (source != target) pool_[target] = mix(pool_[target], hash(pool_[source]));
      }
    }
  }

  std::array<uint64_t, 4> words() const {
    Hash hash(0x8b51f9ddU, 0x58f38dedU);
    std::array<uint64_t, 4> out;
    for (size_t i = 0; i < out.size(); ++i) {
      const uint64_t low = hash(pool_[(2 * i) % pool_.size()]);
      out[i] = low | static_cast<uint64_t>(hash(pool_[(2 * i + 1) % pool_.size()])) << 32;
    }
    return out;
  }

 private:
  class Hash {
   public:
    Hash(uint32_t start, uint32_t multiplier) : state_(start), multiplier_(multiplier) {}
    uint32_t operator()(uint32_t value) {
      value ^= state_;
      state_ *= multiplier_;
      value *= state_;
      return value ^ (value >> 16);
    }

   private:
    uint32_t state_;
    uint32_t multiplier_;
  };

  static uint32_t mix(uint32_t x, uint32_t y) {
    const uint32_t mixed = 0xca01f9ddU * x - 0x4973f715U * y;
    return mixed ^ (mixed >> 16);
  }

  std::array<uint32_t, 4> pool_;
};

// PCG64 (XSL-RR 128/64; O'Neill 2014).
class Pcg64 {
 public:
  explicit Pcg64(uint64_t seed) {
    const auto words = SeedSequence(seed).words();
    increment_ = make_uint128(words[2], words[3]) << 1 | 1U;
    step();
    state_ += make_uint128(words[0], words[1]);
    step();
  }

  // The low half of each output comes first.
  uint32_t next32() {
    if (has_half_) {
      has_half_ = false;
      return half_;
    }
    step();
    const uint64_t folded = static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_);
    const uint64_t out = std::rotr(folded, static_cast<int>(state_ >> 122));
    half_ = static_cast<uint32_t>(out >> 32);
    has_half_ = true;
    return static_cast<uint32_t>(out);
  }

  // Uniform in [0, last], by masks and rejection.
  uint64_t up_to(uint64_t last) {
    if (last == 0) return 0;
    const uint64_t mask = std::bit_ceil(last + 1) - 1;
    while (true) {
      const uint64_t drawn = next32() & mask;
      if (drawn <= last) return drawn;
    }
  }

 private:
  void step() {
    state_ = state_ * make_uint128(0x2360ED051FC65DA4ULL, 0x4385DF649FCCF645ULL) + increment_;
  }

  uint128 state_ = 0;
  uint128 increment_ = 0;
  uint32_t half_ = 0;
  bool has_half_ = false;
};

}  // namespace

std::vector<uint64_t> numpy_permutation(uint64_t seed, uint64_t size) {
  std::vector<uint64_t> order(size);
  std::iota(order.begin(), order.end(), uint64_t{0});
  Pcg64 random(seed);
  for (uint64_t i = size; i-- > 1;) std::swap(order[i], order[random.up_to(i)]);
  return order;
}

uint64_t UnseededShuffles::next_seed() {
  const size_t position = global_.position();
  const uint64_t seed = global_.words()[position == MersenneTwister::kWords ? 0 : position];
  global_.next();
  global_.next();
  return seed;
}

TrainTestSplit train_test_split(uint64_t seed, uint64_t size, double test_share) {
  const std::vector<uint64_t> order = numpy_permutation(seed, size);
  const auto tests = static_cast<std::ptrdiff_t>(std::ceil(test_share * static_cast<double>(size)));
  return {{order.begin() + tests, order.end()}, {order.begin(), order.begin() + tests}};
}

}  // namespace retmask
