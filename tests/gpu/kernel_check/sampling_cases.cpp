#include <algorithm>
#include <numeric>

#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/device_array.h"
#include "retmask/kernels/cuda/sampling.h"

namespace retmask::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
// Sums of weights are exact to this share of them: a draw or a filter may err by as much.
constexpr double kShare = 1e-5;

struct Settings {
  std::string what;
  double temperature = 1;
  double top_p = 1;
  double min_p = 0;
  int64_t top_k = 0;
};

const std::vector<Settings> kSettings{
    {.what = "greedy", .temperature = 0},
    {.what = "all"},
    {.what = "cold", .temperature = 0.05},
    {.what = "hot", .temperature = 1.5},
    {.what = "top_k1", .top_k = 1},
    {.what = "top_k40", .top_k = 40},
    {.what = "top_p", .temperature = 0.8, .top_p = 0.9},
    {.what = "top_p_small", .top_p = 0.01},
    {.what = "min_p", .min_p = 0.05},
    {.what = "every_filter", .temperature = 0.7, .top_p = 0.95, .min_p = 0.02, .top_k = 50}};

struct Found {
  std::vector<int64_t> ids;
  std::vector<double> logprobs;
};

Found sample(const std::vector<float>& logits,
             const std::vector<double>& uniforms,
             const Settings& settings) {
  const size_t rows = uniforms.size();
  const auto all = [&](double value) { return std::vector<double>(rows, value); };
  DeviceArray<float> gpu_logits(logits);
  DeviceArray<double> gpu_uniforms(uniforms), top_p(all(settings.top_p)),
      min_p(all(settings.min_p)),
      inverse(all(settings.temperature > 0 ? 1 / settings.temperature : 0)), logprobs(rows);
  DeviceArray<int64_t> top_k(std::vector<int64_t>(rows, settings.top_k)), ids(rows);
  kernels::cuda::sample_rows({.logits = gpu_logits.data(),
                              .rows = static_cast<int64_t>(rows),
                              .vocab_size = static_cast<int64_t>(logits.size() / rows),
                              .uniforms = gpu_uniforms.data(),
                              .inverse_temperatures = inverse.data(),
                              .top_p = top_p.data(),
                              .min_p = min_p.data(),
                              .top_k = top_k.data(),
                              .ids = ids.data(),
                              .logprobs = logprobs.data()},
                             nullptr);
  return {ids.values(), logprobs.values()};
}

// A row in float64; NaN counts as impossible.
class Row {
 public:
  Row(const float* logits, size_t size) : logits_(logits, logits + size), order_(size) {
    for (double& logit : logits_)
      if (std::isnan(logit)) logit = -kInfinity;
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::ranges::stable_sort(order_, [&](size_t a, size_t b) { return logits_[a] > logits_[b]; });
  }

  size_t best() const { return order_.front(); }
  double weight(size_t id, double temperature) const {
    return std::exp((logits_[id] - logits_[best()]) / temperature);
  }
  double logprob(size_t id) const {
    double total = 0;
    for (const size_t other : order_) total += weight(other, 1);
    return logits_[id] - logits_[best()] - std::log(total);
  }

  // How far `uniform` is from the interval of `id` in the cumulative probabilities of the tokens
  // that the filters keep; infinite if they do not keep it.
  double distance(size_t id, double uniform, const Settings& settings) const {
    std::vector<size_t> kept = order_;
    if (settings.top_k > 0 && static_cast<size_t>(settings.top_k) < kept.size())
      kept.resize(static_cast<size_t>(settings.top_k));
    const auto total = [&] {
      double sum = 0;
      for (const size_t other : kept) sum += weight(other, settings.temperature);
      return sum;
    };
    if (settings.top_p < 1) {
      const double wanted = settings.top_p * total();
      size_t count = 0;
      for (double reached = 0; count < kept.size() && reached < wanted; ++count)
        reached += weight(kept[count], settings.temperature);
      kept.resize(std::max<size_t>(1, count));
    }
    std::erase_if(
        kept, [&](size_t other) { return weight(other, settings.temperature) < settings.min_p; });
    if (std::ranges::find(kept, id) == kept.end()) return kInfinity;
    double before = 0;
    for (const size_t other : kept)
      if (other < id) before += weight(other, settings.temperature);
    const double target = uniform * total();
    const double own = weight(id, settings.temperature);
    return std::max({0.0, before - target, target - before - own}) / total();
  }

 private:
  std::vector<double> logits_;
  std::vector<size_t> order_;  // most probable first; of equals, the smaller id
};

// The error of one row: of the draw, as a share of the probability, or of the log-prob.
double error_of(
    const Row& row, size_t id, double logprob, double uniform, const Settings& settings) {
  const double logprob_error = std::abs(logprob - row.logprob(id));
  if (std::isnan(logprob_error)) return kInfinity;
  if (settings.temperature == 0) return id == row.best() ? logprob_error : kInfinity;
  double distance = kInfinity;
  for (const double scale : {1.0, 1 - kShare, 1 + kShare}) {
    if (distance < kShare) break;
    Settings nearly = settings;
    nearly.top_p *= settings.top_p < 1 ? scale : 1.0;
    nearly.min_p *= scale;
    distance = std::min(distance, row.distance(id, uniform, nearly));
  }
  return std::max(logprob_error, distance);
}

double check_sampling(size_t rows, size_t vocab_size, const Settings& settings) {
  std::mt19937 random(4);
  std::vector<float> logits = random_values<float>(rows * vocab_size, random);
  std::vector<double> uniforms;
  for (size_t row = 0; row < rows; ++row) {
    uniforms.push_back(std::uniform_real_distribution<double>()(random));
    for (size_t id = 0; id < vocab_size; ++id) {
      float& logit = logits[row * vocab_size + id];
      logit *= 3;
      if (row % 2 == 0) logit = std::round(logit);  // many ties
      if (row == 3) logit = 2.5F;                   // nothing else
      // Zeros of both signs are the largest, and equal.
      if (row == 4) logit = std::min(logit, id % 3 == 0 ? -0.0F : 0.0F);
      if (row % 3 == 0 && id % 5 == 2) logit = id % 2 == 0 ? kNan : -kInfinity;
    }
  }
  uniforms.front() = 0;
  uniforms.back() = std::nextafter(1.0, 0.0);
  const Found found = sample(logits, uniforms, settings);
  double largest = 0;
  for (size_t i = 0; i < rows; ++i) {
    if (found.ids[i] < 0 || static_cast<size_t>(found.ids[i]) >= vocab_size)
      throw std::runtime_error("id " + std::to_string(found.ids[i]));
    const Row row(logits.data() + i * vocab_size, vocab_size);
    const auto id = static_cast<size_t>(found.ids[i]);
    largest = std::max(largest, error_of(row, id, found.logprobs[i], uniforms[i], settings));
  }
  return largest;
}

// Rows whose largest logit is not finite have id 0 and a NaN; other rows are not disturbed.
double check_not_finite() {
  constexpr size_t kVocabulary = 300;
  std::vector<float> logits(4 * kVocabulary, kNan);
  std::fill_n(logits.begin() + kVocabulary, kVocabulary, -kInfinity);
  std::fill_n(logits.begin() + 2 * kVocabulary, kVocabulary, 1.0F);
  logits[2 * kVocabulary + 70] = kInfinity;
  logits[3 * kVocabulary + 200] = -1e30F;  // the only possible token
  const Found found = sample(logits, {0.1, 0.2, 0.3, 0.4}, {.what = "", .top_p = 0.9, .top_k = 20});
  for (size_t row = 0; row < 3; ++row) {
    if (found.ids[row] != 0 || !std::isnan(found.logprobs[row]))
      throw std::runtime_error("row " + std::to_string(row) + " has id " +
                               std::to_string(found.ids[row]));
  }
  if (found.ids[3] != 200) throw std::runtime_error("id " + std::to_string(found.ids[3]));
  return std::abs(found.logprobs[3]);
}

}  // namespace

std::vector<Case> sampling_cases() {
  std::vector<Case> cases;
  const auto add = [&](size_t rows, size_t vocab_size, const Settings& settings) {
    cases.push_back({.name = "sampling/" + std::to_string(vocab_size) + "/" + settings.what,
                     .tolerance = kShare,
                     .run = [=] { return check_sampling(rows, vocab_size, settings); }});
  };
  for (const Settings& settings : kSettings) {
    add(6, 5, settings);
    add(6, 384, settings);
    add(6, 3000, settings);
    add(2, 128256, settings);
  }
  add(1, kernels::cuda::kMaxVocabulary, kSettings.back());
  cases.push_back({.name = "sampling/not_finite", .tolerance = kShare, .run = check_not_finite});
  return cases;
}

}  // namespace retmask::testing
