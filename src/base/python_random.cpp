#include "retmask/base/python_random.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <unordered_set>

#include "retmask/base/error.h"

namespace retmask {
namespace {

std::vector<uint32_t> words_of(uint64_t seed) {
  std::vector<uint32_t> words = {static_cast<uint32_t>(seed)};
  if (seed >> 32 != 0) words.push_back(static_cast<uint32_t>(seed >> 32));
  return words;
}

uint32_t mixed(uint32_t previous, uint32_t multiplier) {
  return (previous ^ (previous >> 30)) * multiplier;
}

}  // namespace

MersenneTwister::MersenneTwister(uint32_t seed) {
  words_[0] = seed;
  for (uint32_t i = 1; i < kWords; ++i) words_[i] = mixed(words_[i - 1], 1812433253U) + i;
}

MersenneTwister::MersenneTwister(const std::vector<uint32_t>& key) : MersenneTwister(19650218U) {
  size_t i = 1;
  const auto advance = [&] {
    if (++i < kWords) return;
    words_[0] = words_[kWords - 1];
    i = 1;
  };
  for (size_t step = 0; step < std::max(kWords, key.size()); ++step) {
    const size_t j = step % key.size();
    words_[i] = (words_[i] ^ mixed(words_[i - 1], 1664525U)) + key[j] + static_cast<uint32_t>(j);
    advance();
  }
  for (size_t step = 1; step < kWords; ++step) {
    words_[i] = (words_[i] ^ mixed(words_[i - 1], 1566083941U)) - static_cast<uint32_t>(i);
    advance();
  }
  words_[0] = 0x80000000U;
}

void MersenneTwister::refill() {
  for (size_t i = 0; i < kWords; ++i) {
    const uint32_t joined = (words_[i] & 0x80000000U) | (words_[(i + 1) % kWords] & 0x7FFFFFFFU);
    words_[i] = words_[(i + 397) % kWords] ^ (joined >> 1) ^ ((joined & 1U) != 0 ? 0x9908B0DFU : 0);
  }
  position_ = 0;
}

uint32_t MersenneTwister::next() {
  if (position_ == kWords) refill();
  uint32_t word = words_[position_++];
  word ^= word >> 11;
  word ^= (word << 7) & 0x9D2C5680U;
  word ^= (word << 15) & 0xEFC60000U;
  return word ^ (word >> 18);
}

PythonRandom::PythonRandom(uint64_t seed) : twister_(words_of(seed)) {}

uint32_t PythonRandom::bits(int count) {
  RETMASK_CHECK(count >= 1 && count <= 32, count);
  return twister_.next() >> (32 - count);
}

uint64_t PythonRandom::below(uint64_t bound) {
  RETMASK_CHECK(bound >= 1 && bound <= uint64_t{1} << 31, bound);
  const int count = static_cast<int>(std::bit_width(bound));
  while (true) {
    const uint64_t drawn = bits(count);
    if (drawn < bound) return drawn;
  }
}

double PythonRandom::uniform() {
  const auto high = static_cast<double>(twister_.next() >> 5);
  const auto low = static_cast<double>(twister_.next() >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

int64_t PythonRandom::randint(int64_t first, int64_t last) {
  return first + static_cast<int64_t>(below(static_cast<uint64_t>(last - first + 1)));
}

std::vector<uint64_t> PythonRandom::sample(uint64_t population, uint64_t count) {
  if (count > population) user_error("cannot draw ", count, " of ", population);
  // CPython compares the memory of a set with that of a list.
  uint64_t limit = 21;
  if (count > 5) {
    uint64_t power = 1;
    while (power < 3 * count) power *= 4;
    limit += power;
  }
  std::vector<uint64_t> drawn;
  if (population <= limit) {
    std::vector<uint64_t> pool(population);
    std::iota(pool.begin(), pool.end(), uint64_t{0});
    for (uint64_t left = population; drawn.size() < count; --left) {
      const uint64_t place = below(left);
      drawn.push_back(pool[place]);
      pool[place] = pool[left - 1];
    }
    return drawn;
  }
  std::unordered_set<uint64_t> used;
  while (drawn.size() < count) {
    const uint64_t one = below(population);
    if (used.insert(one).second) drawn.push_back(one);
  }
  return drawn;
}

}  // namespace retmask
