#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/paged_cache.h"
#include "retmask/kernels/cuda/rows.h"

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

template <typename Element>
double check_rotate(int64_t dim, bool with_norm) {
  std::mt19937 random(2);
  const CacheLayout layout(kLengths, random);
  const Rows<Element> q(kHeads, dim, random), k(kKeyValueHeads, dim, random),
      v(kKeyValueHeads, dim, random);
  const auto width = static_cast<size_t>(dim);
  const auto q_norm = random_values<Element>(width, random);
  const auto k_norm = random_values<Element>(width, random);
  std::vector<float> cos, sin;
  for (const double angle : random_values<float>(kLengths.size() * width / 2, random)) {
    cos.push_back(static_cast<float>(std::cos(angle)));
    sin.push_back(static_cast<float>(std::sin(angle)));
  }

  const auto empty = nans<Element>(
      layout.blocks() * static_cast<size_t>(kKeyValueHeads * kernels::cuda::kBlockTokens * dim));
  DeviceCache<Element> cache(layout, empty, empty);
  DeviceArray<Element> gpu_q(q.values), gpu_k(k.values), gpu_v(v.values), gpu_q_norm(q_norm),
      gpu_k_norm(k_norm);
  DeviceArray<float> gpu_cos(cos), gpu_sin(sin);
  kernels::cuda::rotate_and_store(
      kernels::cuda::RotateAndStore<Element>{.cache = cache.view(),
                                             .q = gpu_q.data(),
                                             .k = gpu_k.data(),
                                             .v = gpu_v.data(),
                                             .q_stride = q.stride,
                                             .k_stride = k.stride,
                                             .v_stride = v.stride,
                                             .sequences = static_cast<int64_t>(kLengths.size()),
                                             .heads = kHeads,
                                             .key_value_heads = kKeyValueHeads,
                                             .head_dim = dim,
                                             .q_norm = with_norm ? gpu_q_norm.data() : nullptr,
                                             .k_norm = with_norm ? gpu_k_norm.data() : nullptr,
                                             .eps = kEps,
                                             .cos = gpu_cos.data(),
                                             .sin = gpu_sin.data()},
      nullptr);

  // Everything else stays what it was.
  const std::vector<Element> found_q = gpu_q.values();
  std::vector<double> rotated_q, keys, values;
  for (const Element value : q.values) rotated_q.push_back(kernels::widen(value));
  for (const Element value : empty) keys.push_back(kernels::widen(value));
  values = keys;
  for (size_t s = 0; s < kLengths.size(); ++s) {
    const size_t row = s * static_cast<size_t>(q.stride);
    const auto rotated = [&](const Element* x, const std::vector<Element>& norm) {
      return rotate(x,
                    with_norm ? norm.data() : nullptr,
                    cos.data() + s * width / 2,
                    sin.data() + s * width / 2,
                    width);
    };
    for (int64_t head = 0; head < kHeads; ++head) {
      const auto expected = rotated(q.row(s, head, dim), q_norm);
      const size_t place = row + static_cast<size_t>(head * dim);
      for (size_t i = 0; i < width; ++i) {
        // Queries of padding rows may be anything.
        rotated_q[place + i] = kLengths[s] == 0 ? kernels::widen(found_q[place + i]) : expected[i];
      }
    }
    if (kLengths[s] == 0) continue;
    for (int64_t head = 0; head < kKeyValueHeads; ++head) {
      const size_t place = layout.place(s, kLengths[s] - 1, kKeyValueHeads, head, dim);
      const auto expected = rotated(k.row(s, head, dim), k_norm);
      for (size_t i = 0; i < width; ++i) {
        keys[place + i] = expected[i];
        values[place + i] = kernels::widen(v.row(s, head, dim)[i]);
      }
    }
  }
  if (largest_error(cache.values.values(), values) != 0)
    throw std::runtime_error("the values are not the projection's");
  return std::max(largest_error(found_q, rotated_q), largest_error(cache.keys.values(), keys));
}

template <typename Element>
void add_rotate(std::vector<Case>& cases) {
  for (const int64_t dim : {16, 64, 96, 128, 256}) {
    for (const bool with_norm : {false, true}) {
      // A normalised element may be rounded to either neighbour before it is rotated.
      cases.push_back({.name = std::string("rotate/") + kElementName<Element> + "/" +
                               std::to_string(dim) + (with_norm ? "_norm" : ""),
                       .tolerance = (with_norm ? 3 : 1) * kTolerance<Element>,
                       .run = [dim, with_norm] { return check_rotate<Element>(dim, with_norm); }});
    }
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
