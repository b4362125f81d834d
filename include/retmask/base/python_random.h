#pragma once
// Random numbers of CPython's `random`, for draws that must equal those of a reference
// implementation. Everything of our own draws from a RandomStream.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace retmask {

// MT19937 (Matsumoto & Nishimura 1998).
class MersenneTwister {
 public:
  static constexpr size_t kWords = 624;

  // CPython's init_by_array.
  explicit MersenneTwister(const std::vector<uint32_t>& key);
  // init_genrand, as numpy.random.seed does.
  explicit MersenneTwister(uint32_t seed);

  uint32_t next();
  // numpy's get_state(): the words before tempering, and the place of the next one (624: none
  // left).
  const std::array<uint32_t, kWords>& words() const { return words_; }
  size_t position() const { return position_; }

 private:
  void refill();

  std::array<uint32_t, kWords> words_;
  size_t position_ = kWords;
};

// random.Random(seed), CPython 3.11.
class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);

  uint32_t bits(int count);        // getrandbits(count), count 1..32
  uint64_t below(uint64_t bound);  // randrange(bound), bound 1..2^31
  double uniform();                // random()
  int64_t randint(int64_t first, int64_t last);
  // sample(range(population), count). Throws UserError for more than there are.
  std::vector<uint64_t> sample(uint64_t population, uint64_t count);

  template <typename T>
  void shuffle(std::vector<T>& items) {
    using std::swap;
    for (uint64_t i = items.size(); i-- > 1;) swap(items[i], items[below(i + 1)]);
  }

 private:
  MersenneTwister twister_;
};

}  // namespace retmask
