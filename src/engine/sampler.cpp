#include "retmask/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "retmask/base/error.h"

namespace retmask {
namespace {

// log(sum(exp(logits))), safe for large logits.
double log_sum_exp(const float* logits, int64_t size, float largest) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += std::exp(logits[i] - largest);
  return largest + std::log(sum);
}

// The tokens that top-k and then top-p keep, most probable first. Ties go to the smaller id.
std::vector<int64_t> kept_tokens(const float* logits,
                                 int64_t vocab_size,
                                 const SamplingParams& params,
                                 float largest) {
  std::vector<int64_t> ids(static_cast<size_t>(vocab_size));
  std::iota(ids.begin(), ids.end(), 0);
  const auto more_probable = [logits](int64_t a, int64_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  if (params.top_k > 0 && params.top_k < vocab_size) {
    std::nth_element(ids.begin(), ids.begin() + params.top_k, ids.end(), more_probable);
    ids.resize(static_cast<size_t>(params.top_k));
  }
  std::sort(ids.begin(), ids.end(), more_probable);
  if (params.top_p >= 1) return ids;

  const auto weight = [&](int64_t id) {
    return std::exp((logits[id] - largest) / params.temperature);
  };
  double total = 0;
  for (const int64_t id : ids) total += weight(id);
  double reached = 0;
  size_t count = 0;
  while (count < ids.size() && reached < params.top_p * total) reached += weight(ids[count++]);
  ids.resize(std::max<size_t>(count, 1));
  return ids;
}

// Inverse transform sampling: the first index whose cumulative weight exceeds `target`.
template <typename WeightOf>
int64_t pick(int64_t count, double uniform, const WeightOf& weight_of) {
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += weight_of(i);
  double rest = uniform * total;
  int64_t last_possible = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double weight = weight_of(i);
    if (weight > 0) last_possible = i;
    rest -= weight;
    if (rest < 0) return i;
  }
  return last_possible;  // rounding left a crumb behind the last one
}

}  // namespace

void SamplingParams::validate() const {
  if (!(temperature >= 0))
    user_error("--temperature is ", temperature, ", expected 0 (greedy) or more");
  if (!(top_p > 0 && top_p <= 1))
    user_error("--top-p is ", top_p, ", expected above 0 and at most 1");
  if (top_k < 0) user_error("--top-k is ", top_k, ", expected 0 (all tokens) or more");
}

SampledToken sample(const float* logits,
                    int64_t vocab_size,
                    const SamplingParams& params,
                    RandomStream& random) {
  const float* best = std::max_element(logits, logits + vocab_size);
  const float largest = *best;
  SampledToken token{best - logits, 0};
  if (params.temperature > 0) {
    const double uniform = random.uniform();
    const auto weight = [&](int64_t id) {
      return std::exp((logits[id] - largest) / static_cast<float>(params.temperature));
    };
    if (params.top_k > 0 || params.top_p < 1) {
      const std::vector<int64_t> ids = kept_tokens(logits, vocab_size, params, largest);
      token.id = ids[pick(
          static_cast<int64_t>(ids.size()), uniform, [&](int64_t i) { return weight(ids[i]); })];
    } else {
      token.id = pick(vocab_size, uniform, weight);
    }
  }
  token.logprob = logits[token.id] - log_sum_exp(logits, vocab_size, largest);
  return token;
}

}  // namespace retmask
