#include "retmask/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "retmask/base/error.h"
#include "retmask/kernels/softmax.h"

namespace retmask {
namespace {

// Tokens that top-p sorts at a time: usually the first few reach the requested probability.
constexpr int64_t kSortedAtOnce = 256;

// Index of the largest logit, the first of equals.
int64_t best_of(const float* logits, int64_t vocab_size) {
  const int64_t best = kernels::arg_max(logits, vocab_size);
  RETMASK_CHECK(best < vocab_size && std::isfinite(logits[best]), "the logits are not finite");
  return best;
}

// Inverse transform sampling over weights that sum to `total`: the first of [0, count) whose
// cumulative weight exceeds uniform * total.
template <typename WeightOf>
int64_t pick(int64_t count, double target, const WeightOf& weight_of) {
  double rest = target;
  int64_t last_possible = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double weight = weight_of(i);
    if (weight > 0) last_possible = i;
    rest -= weight;
    if (rest < 0) return i;
  }
  return last_possible;  // rounding: the sum fell just short of target
}

}  // namespace

void SamplingParams::validate() const {
  // Its inverse is a float in the kernels. Below kSmallest only the best token would ever be
  // sampled.
  constexpr double kSmallest = 1e-6;
  constexpr double kLargest = 1e6;
  const bool greedy = temperature == 0;
  if (!greedy && !(temperature >= kSmallest && temperature <= kLargest)) {
    user_error("--temperature is ",
               temperature,
               ", expected 0 (greedy) or from ",
               kSmallest,
               " to ",
               kLargest);
  }
  if (!(top_p > 0 && top_p <= 1))
    user_error("--top-p is ", top_p, ", expected above 0 and at most 1");
  if (top_k < 0) user_error("--top-k is ", top_k, ", expected 0 (all tokens) or more");
  if (!(min_p >= 0 && min_p <= 1))
    user_error("--min-p is ", min_p, ", expected from 0 (all tokens) to 1");
  if (!(repetition_penalty > 0 && std::isfinite(repetition_penalty))) {
    user_error("--repetition-penalty is ",
               repetition_penalty,
               ", expected above 0 (1: none; above 1: fewer repetitions)");
  }
}

SampledToken Sampler::sample(const float* logits,
                             int64_t vocab_size,
                             const SamplingParams& params,
                             RandomStream& random,
                             std::initializer_list<std::span<const int64_t>> seen) {
  const int64_t best = best_of(logits, vocab_size);
  const float largest = logits[best];
  SampledToken token;
  if (params.repetition_penalty == 1) {
    token.id = draw(logits, vocab_size, params, best, random);
  } else {
    penalise(logits, vocab_size, params.repetition_penalty, seen);
    const float* penalised = penalised_.data();
    token.id = draw(penalised, vocab_size, params, best_of(penalised, vocab_size), random);
  }
  token.logprob = logprob_of(logits, vocab_size, largest, token.id);
  return token;
}

SampledToken Sampler::score(const float* logits, int64_t vocab_size, int64_t id) {
  const float largest = logits[best_of(logits, vocab_size)];
  return {.id = id, .logprob = logprob_of(logits, vocab_size, largest, id)};
}

double Sampler::logprob_of(const float* logits, int64_t vocab_size, float largest, int64_t id) {
  const double total = kernels::exp_sums(logits, vocab_size, largest, /*scale=*/1.0F, sums_);
  return logits[id] - largest - std::log(total);
}

void Sampler::penalise(const float* logits,
                       int64_t vocab_size,
                       double penalty,
                       std::initializer_list<std::span<const int64_t>> seen) {
  const auto factor = static_cast<float>(penalty);
  penalised_.assign(logits, logits + vocab_size);
  for (const std::span<const int64_t> ids : seen) {
    // From the original logit, so a repeated token is penalised once.
    for (const int64_t id : ids)
      penalised_[static_cast<size_t>(id)] =
          logits[id] < 0 ? logits[id] * factor : logits[id] / factor;
  }
}

int64_t Sampler::draw(const float* logits,
                      int64_t vocab_size,
                      const SamplingParams& params,
                      int64_t best,
                      RandomStream& random) {
  if (params.temperature == 0) return best;
  const float largest = logits[best];
  const double uniform = random.uniform();
  const auto scale = static_cast<float>(1.0 / params.temperature);
  const bool filtered = params.top_k > 0 || params.top_p < 1 || params.min_p > 0;
  return filtered ? draw_kept(logits, vocab_size, params, largest, scale, uniform)
                  : draw_any(logits, vocab_size, largest, scale, uniform);
}

int64_t Sampler::draw_any(
    const float* logits, int64_t vocab_size, float largest, float scale, double uniform) {
  const double total = kernels::exp_sums(logits, vocab_size, largest, scale, sums_);
  double target = uniform * total;
  const int64_t group =
      pick(static_cast<int64_t>(sums_.size()), target, [&](int64_t i) { return sums_[i]; });
  for (int64_t i = 0; i < group; ++i) target -= sums_[i];
  const int64_t begin = group * kernels::kSumWidth;
  return begin + pick(std::min(kernels::kSumWidth, vocab_size - begin), target, [&](int64_t i) {
           return kernels::exp_weight(logits[begin + i], largest, scale);
         });
}

int64_t Sampler::draw_kept(const float* logits,
                           int64_t vocab_size,
                           const SamplingParams& params,
                           float largest,
                           float scale,
                           double uniform) {
  const auto more_probable = [logits](int64_t a, int64_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  ids_.resize(static_cast<size_t>(vocab_size));
  std::iota(ids_.begin(), ids_.end(), 0);
  if (params.top_k > 0 && params.top_k < vocab_size) {
    std::nth_element(ids_.begin(), ids_.begin() + params.top_k, ids_.end(), more_probable);
    ids_.resize(static_cast<size_t>(params.top_k));
  }
  if (params.top_p < 1) keep_top_p(logits, params.top_p, largest, scale);
  if (params.min_p > 0) {
    const auto lowest = static_cast<float>(largest + std::log(params.min_p) / scale);
    std::erase_if(ids_, [&](int64_t id) { return logits[id] < lowest; });
  }
  // In id order, which does not depend on the filters: the GPU sampler picks the same token for the
  // same random number.
  if (!std::is_sorted(ids_.begin(), ids_.end())) std::sort(ids_.begin(), ids_.end());
  const auto weight = [&](int64_t i) {
    return kernels::exp_weight(logits[ids_[static_cast<size_t>(i)]], largest, scale);
  };
  const auto count = static_cast<int64_t>(ids_.size());
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += weight(i);
  return ids_[static_cast<size_t>(pick(count, uniform * total, weight))];
}

void Sampler::keep_top_p(const float* logits, double top_p, float largest, float scale) {
  const auto more_probable = [logits](int64_t a, int64_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  const auto weight = [&](int64_t id) { return kernels::exp_weight(logits[id], largest, scale); };
  double total = 0;
  for (const int64_t id : ids_) total += weight(id);
  double reached = 0;
  size_t kept = 0;
  for (size_t sorted = 0; sorted < ids_.size() && reached < top_p * total;) {
    const size_t end = std::min(ids_.size(), sorted + kSortedAtOnce);
    std::partial_sort(ids_.begin() + static_cast<std::ptrdiff_t>(sorted),
                      ids_.begin() + static_cast<std::ptrdiff_t>(end),
                      ids_.end(),
                      more_probable);
    for (sorted = end; kept < end && reached < top_p * total; ++kept) reached += weight(ids_[kept]);
  }
  ids_.resize(std::max<size_t>(kept, 1));
}

}  // namespace retmask
