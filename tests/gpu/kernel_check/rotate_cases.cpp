#include <algorithm>

#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/paged_cache.h"
#include "retmask/kernels/cuda/rotate.h"

namespace retmask::testing {
namespace {

constexpr int64_t kHeads = 6;
constexpr int64_t kKeyValueHeads = 2;
constexpr float kEps = 1e-5F;
// Tokens of the sequences with the new one; 0: a padding row.
const std::vector<int64_t> kLengths{1, 18, 0, 48, 17};

template <typename Element>
struct Rows {
  Rows(int64_t heads, int64_t dim, std::mt19937& random)
      : stride((heads + 1) * dim),
        values(random_values<Element>(kLengths.size() * static_cast<size_t>(stride), random)) {}
  const Element* row(size_t sequence, int64_t head, int64_t dim) const {
    return values.data() + static_cast<int64_t>(sequence) * stride + head * dim;
  }

  int64_t stride;
  std::vector<Element> values;
};

template <typename Element>
std::vector<double> rotate(
    const Element* x, const Element* norm, const float* cos, const float* sin, size_t dim) {
  double squares = 0;
  for (size_t i = 0; i < dim; ++i)
    squares += static_cast<double>(kernels::widen(x[i])) * kernels::widen(x[i]);
  const double scale = 1 / std::sqrt(squares / static_cast<double>(dim) + kEps);
  std::vector<double> head(dim);
  for (size_t i = 0; i < dim; ++i) {
    head[i] = kernels::widen(x[i]);
    if (norm != nullptr)
      head[i] = kernels::widen(to_element<Element>(head[i] * scale * kernels::widen(norm[i])));
  }
  std::vector<double> rotated(dim);
  for (size_t i = 0; i < dim / 2; ++i) {
    rotated[i] = head[i] * cos[i] - head[dim / 2 + i] * sin[i];
    rotated[dim / 2 + i] = head[dim / 2 + i] * cos[i] + head[i] * sin[i];
  }
  return rotated;
}

// decoding: keys and values go to the cache. prompt: to given slots, and keys are changed in place
// too. no_cache: the latter alone.
enum class Kind { decoding, prompt, no_cache };

std::vector<float> of_angles(double (*function)(double), const std::vector<float>& angles) {
  std::vector<float> values;
  for (const double angle : angles) values.push_back(static_cast<float>(function(angle)));
  return values;
}

template <typename Element>
double check_rotate_and_store(int64_t dim, bool with_norm, Kind kind) {
  std::mt19937 random(2);
  const CacheLayout layout(kLengths, random);
  const Rows<Element> q(kHeads, dim, random), k(kKeyValueHeads, dim, random),
      v(kKeyValueHeads, dim, random);
  const auto width = static_cast<size_t>(dim);
  const auto q_norm = random_values<Element>(width, random);
  const auto k_norm = random_values<Element>(width, random);
  const auto angles = random_values<float>(kLengths.size() * width / 2, random);
  const auto cos = of_angles(std::cos, angles);
  const auto sin = of_angles(std::sin, angles);
  const auto position = [&](size_t s) { return std::max<int64_t>(0, kLengths[s] - 1); };
  // Padding rows are stored nowhere.
  const auto is_stored = [&](size_t s) {
    return kind == Kind::prompt || (kind == Kind::decoding && kLengths[s] > 0);
  };
  std::vector<int64_t> slot_blocks, slot_rows;
  for (size_t s = 0; s < kLengths.size(); ++s) {
    constexpr int64_t kBlock = kernels::cuda::kBlockTokens;
    slot_blocks.push_back(
        layout.table[static_cast<size_t>(layout.starts[s] + position(s) / kBlock)]);
    slot_rows.push_back(position(s) % kBlock);
  }

  const auto empty = nans<Element>(
      layout.blocks() * static_cast<size_t>(kKeyValueHeads * kernels::cuda::kBlockTokens * dim));
  DeviceCache<Element> cache(layout, empty, empty);
  DeviceArray<Element> gpu_q(q.values), gpu_k(k.values), gpu_v(v.values), gpu_q_norm(q_norm),
      gpu_k_norm(k_norm);
  DeviceArray<float> gpu_cos(cos), gpu_sin(sin);
  DeviceArray<int64_t> gpu_blocks(slot_blocks), gpu_rows(slot_rows);
  kernels::cuda::RotateAndStore<Element> work{.q = gpu_q.data(),
                                              .k = gpu_k.data(),
                                              .v = gpu_v.data(),
                                              .q_stride = q.stride,
                                              .k_stride = k.stride,
                                              .v_stride = v.stride,
                                              .rotate_k_in_place = kind != Kind::decoding,
                                              .tokens = static_cast<int64_t>(kLengths.size()),
                                              .heads = kHeads,
                                              .key_value_heads = kKeyValueHeads,
                                              .head_dim = dim,
                                              .q_norm = with_norm ? gpu_q_norm.data() : nullptr,
                                              .k_norm = with_norm ? gpu_k_norm.data() : nullptr,
                                              .eps = kEps,
                                              .cos = gpu_cos.data(),
                                              .sin = gpu_sin.data()};
  if (kind != Kind::no_cache) work.cache = cache.view();
  if (kind == Kind::prompt) {
    work.cache.past = nullptr;
    work.slot_blocks = gpu_blocks.data();
    work.slot_rows = gpu_rows.data();
  }
  kernels::cuda::rotate_and_store(work, nullptr);

  // Everything else stays what it was.
  const auto widened = [](const std::vector<Element>& elements) {
    std::vector<double> values;
    for (const Element element : elements) values.push_back(kernels::widen(element));
    return values;
  };
  const std::vector<Element> found_q = gpu_q.values();
  std::vector<double> rotated_q = widened(q.values), rotated_k = widened(k.values);
  std::vector<double> keys = widened(empty), values = widened(empty);
  for (size_t s = 0; s < kLengths.size(); ++s) {
    const auto rotated = [&](const Element* x, const std::vector<Element>& norm) {
      return rotate(x,
                    with_norm ? norm.data() : nullptr,
                    cos.data() + s * width / 2,
                    sin.data() + s * width / 2,
                    width);
    };
    for (int64_t head = 0; head < kHeads; ++head) {
      const size_t place = s * static_cast<size_t>(q.stride) + static_cast<size_t>(head * dim);
      const auto expected = rotated(q.row(s, head, dim), q_norm);
      for (size_t i = 0; i < width; ++i) {
        // Queries of padding rows may be anything.
        rotated_q[place + i] = kLengths[s] == 0 ? kernels::widen(found_q[place + i]) : expected[i];
      }
    }
    for (int64_t head = 0; head < kKeyValueHeads; ++head) {
      const auto expected = rotated(k.row(s, head, dim), k_norm);
      const size_t own = s * static_cast<size_t>(k.stride) + static_cast<size_t>(head * dim);
      const size_t place = layout.place(s, position(s), kKeyValueHeads, head, dim);
      for (size_t i = 0; i < width; ++i) {
        if (work.rotate_k_in_place) rotated_k[own + i] = expected[i];
        if (!is_stored(s)) continue;
        keys[place + i] = expected[i];
        values[place + i] = kernels::widen(v.row(s, head, dim)[i]);
      }
    }
  }
  if (largest_error(cache.values.values(), values) != 0)
    throw std::runtime_error("the values are not the projection's");
  return std::max({largest_error(found_q, rotated_q),
                   largest_error(gpu_k.values(), rotated_k),
                   largest_error(cache.keys.values(), keys)});
}

template <typename Element>
double check_rotate(int64_t dim) {
  std::mt19937 random(5);
  const auto tokens = static_cast<int64_t>(kLengths.size());
  const auto width = static_cast<size_t>(dim);
  const Rows<Element> x(kHeads, dim, random);
  const auto angles = random_values<float>(kLengths.size() * width / 2, random);
  const auto cos = of_angles(std::cos, angles);
  const auto sin = of_angles(std::sin, angles);
  DeviceArray<Element> gpu_x(x.values), y(static_cast<size_t>(tokens * kHeads * dim));
  DeviceArray<float> gpu_cos(cos), gpu_sin(sin);
  kernels::cuda::rotate(kernels::cuda::Rotate<Element>{.x = gpu_x.data(),
                                                       .stride = x.stride,
                                                       .tokens = tokens,
                                                       .heads = kHeads,
                                                       .head_dim = dim,
                                                       .cos = gpu_cos.data(),
                                                       .sin = gpu_sin.data(),
                                                       .y = y.data()},
                        nullptr);
  std::vector<double> expected;
  for (size_t t = 0; t < kLengths.size(); ++t) {
    const size_t at = t * width / 2;
    for (int64_t head = 0; head < kHeads; ++head) {
      const auto rotated =
          rotate<Element>(x.row(t, head, dim), nullptr, cos.data() + at, sin.data() + at, width);
      expected.insert(expected.end(), rotated.begin(), rotated.end());
    }
  }
  return largest_error(y.values(), expected);
}

template <typename Element>
void add_rotate(std::vector<Case>& cases) {
  for (const int64_t dim : {16, 64, 96, 128, 256}) {
    const std::string what = std::string(kElementName<Element>) + "/" + std::to_string(dim);
    for (const bool with_norm : {false, true}) {
      for (const auto& [kind, name] : {std::pair{Kind::decoding, ""},
                                       {Kind::prompt, "_prompt"},
                                       {Kind::no_cache, "_no_cache"}}) {
        // A normalised element may be rounded to either neighbour before it is rotated.
        cases.push_back({.name = "rotate_and_store/" + what + (with_norm ? "_norm" : "") + name,
                         .tolerance = (with_norm ? 3 : 1) * kTolerance<Element>,
                         .run = [dim, with_norm, kind = kind] {
                           return check_rotate_and_store<Element>(dim, with_norm, kind);
                         }});
      }
    }
    cases.push_back({.name = "rotate/" + what, .tolerance = kTolerance<Element>, .run = [dim] {
                       return check_rotate<Element>(dim);
                     }});
  }
}

}  // namespace

std::vector<Case> rotate_cases() {
  std::vector<Case> cases;
  add_rotate<float>(cases);
  add_rotate<kernels::BFloat16>(cases);
  return cases;
}

}  // namespace retmask::testing
