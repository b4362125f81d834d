#pragma once
// Random permutations of numpy and of Hugging Face's datasets, for draws that must equal those of a
// reference implementation.

#include <cstdint>
#include <vector>

#include "retmask/base/python_random.h"

namespace retmask {

// numpy.random.default_rng(seed).permutation(size), which is datasets' Dataset.shuffle(seed).
std::vector<uint64_t> numpy_permutation(uint64_t seed, uint64_t size);

// datasets' Dataset.shuffle() without a seed: each takes its seed from numpy's global generator.
class UnseededShuffles {
 public:
  // As after numpy.random.seed(seed).
  explicit UnseededShuffles(uint32_t seed) : global_(seed) {}
  // For numpy_permutation().
  uint64_t next_seed();

 private:
  MersenneTwister global_;
};

// datasets' train_test_split(test_size=share, seed): rows of both parts.
struct TrainTestSplit {
  std::vector<uint64_t> train;
  std::vector<uint64_t> test;
};
TrainTestSplit train_test_split(uint64_t seed, uint64_t size, double test_share);

}  // namespace retmask
