#include <algorithm>

#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/paged_cache.h"
#include "retmask/kernels/cuda/decode_attention.h"

namespace retmask::testing {
namespace {

struct Attention {
  std::string what;
  int64_t head_dim = 64;
  int64_t heads = 8;
  int64_t key_value_heads = 2;
  int64_t sliding_window = 0;
  int64_t splits = 1;
  bool gated = false;
  bool largest_keys = false;
  std::vector<int64_t> lengths{1, 16, 0, 17, 45};
};

constexpr size_t kPolicies = 3;

template <typename Element>
struct Inputs {
  Inputs(const Attention& in_shape, std::mt19937& random)
      : shape(in_shape),
        layout(shape.lengths, random),
        q_stride((shape.heads + 1) * shape.head_dim),
        q(random_values<Element>(shape.lengths.size() * static_cast<size_t>(q_stride), random)),
        gates(kPolicies * static_cast<size_t>(shape.heads), 1.0F) {
    // What no token has is NaN: it must not be read.
    const size_t size =
        layout.blocks() *
        static_cast<size_t>(shape.key_value_heads * kernels::cuda::kBlockTokens * shape.head_dim);
    keys = nans<Element>(size);
    values = nans<Element>(size);
    for (size_t s = 0; s < shape.lengths.size(); ++s) {
      policies.push_back(static_cast<int64_t>(s * 2 % kPolicies));
      for (int64_t token = 0; token < shape.lengths[s]; ++token)
        for (int64_t head = 0; head < shape.key_value_heads; ++head) fill(s, token, head, random);
    }
    for (size_t head = 0; head < static_cast<size_t>(shape.heads); ++head) {
      gates[static_cast<size_t>(shape.heads) + head] = head % 3 == 0 ? 0.0F : 0.5F;
      gates[2 * static_cast<size_t>(shape.heads) + head] = 0.0F;  // whole groups
    }
  }

  void fill(size_t s, int64_t token, int64_t head, std::mt19937& random) {
    const auto dim = static_cast<size_t>(shape.head_dim);
    const auto at = [&](int64_t of) {
      return static_cast<std::ptrdiff_t>(
          layout.place(s, of, shape.key_value_heads, head, shape.head_dim));
    };
    std::ranges::copy(random_values<Element>(dim, random), values.begin() + at(token));
    // Equal keys, within a warp's tile and far apart: the first of the largest counts.
    const int64_t distance = token % 4 == 0 ? 40 : token % 4;
    if (token >= distance && token % 4 < 3) {
      std::copy_n(keys.begin() + at(token - distance), dim, keys.begin() + at(token));
    } else {
      std::ranges::copy(random_values<Element>(dim, random), keys.begin() + at(token));
    }
  }

  // Row of a query head.
  const Element* query(size_t s, int64_t head) const {
    return q.data() + static_cast<int64_t>(s) * q_stride + head * shape.head_dim;
  }

  const Attention& shape;
  CacheLayout layout;
  int64_t q_stride;
  std::vector<Element> q;
  std::vector<Element> keys;
  std::vector<Element> values;
  std::vector<float> gates;
  std::vector<int64_t> policies;
};

struct Reference {
  std::vector<double> out;
  std::vector<int64_t> largest_keys;  // -1: padding
};

template <typename Element>
Reference attend(const Inputs<Element>& inputs) {
  const Attention& shape = inputs.shape;
  const auto dim = static_cast<size_t>(shape.head_dim);
  Reference reference;
  for (size_t s = 0; s < shape.lengths.size(); ++s) {
    const int64_t end = shape.lengths[s];
    const int64_t window = shape.sliding_window;
    const int64_t begin = window > 0 ? std::max<int64_t>(0, end - window) : 0;
    for (int64_t head = 0; head < shape.heads; ++head) {
      const int64_t kv_head = head / (shape.heads / shape.key_value_heads);
      const auto place = [&](int64_t key) {
        return inputs.layout.place(s, key, shape.key_value_heads, kv_head, shape.head_dim);
      };
      std::vector<double> scores;
      for (int64_t key = begin; key < end; ++key) {
        double score = 0;
        for (size_t i = 0; i < dim; ++i) {
          score += static_cast<double>(kernels::widen(inputs.query(s, head)[i])) *
                   kernels::widen(inputs.keys[place(key) + i]);
        }
        scores.push_back(score / std::sqrt(static_cast<double>(dim)));
      }
      const auto largest = std::ranges::max_element(scores);
      reference.largest_keys.push_back(end == 0 ? -1 : begin + (largest - scores.begin()));
      const double gate =
          shape.gated ? inputs.gates[static_cast<size_t>(inputs.policies[s] * shape.heads + head)]
                      : 1.0;
      std::vector<double> sums(dim, 0.0);
      double total = 0;
      for (int64_t key = begin; key < end; ++key) {
        const double weight = std::exp(scores[static_cast<size_t>(key - begin)] - *largest);
        total += weight;
        for (size_t i = 0; i < dim; ++i)
          sums[i] += weight * kernels::widen(inputs.values[place(key) + i]);
      }
      for (const double sum : sums) reference.out.push_back(end == 0 ? 0.0 : gate * sum / total);
    }
  }
  return reference;
}

template <typename Element>
double check_attention(const Attention& shape) {
  std::mt19937 random(1);
  const Inputs<Element> inputs(shape, random);
  const auto sequences = static_cast<int64_t>(shape.lengths.size());
  DeviceCache<Element> cache(inputs.layout, inputs.keys, inputs.values);
  DeviceArray<Element> q(inputs.q);
  DeviceArray<float> gates(inputs.gates);
  DeviceArray<int64_t> policies(inputs.policies);
  DeviceArray<float> workspace(static_cast<size_t>(kernels::cuda::decode_attention_workspace(
      sequences, shape.heads, shape.head_dim, shape.splits)));
  DeviceArray<Element> out(static_cast<size_t>(sequences * shape.heads * shape.head_dim));
  DeviceArray<int64_t> largest_keys(static_cast<size_t>(sequences * shape.heads));
  kernels::cuda::decode_attention(
      kernels::cuda::DecodeAttention<Element>{
          .cache = cache.view(),
          .q = q.data(),
          .q_stride = inputs.q_stride,
          .sequences = sequences,
          .heads = shape.heads,
          .key_value_heads = shape.key_value_heads,
          .head_dim = shape.head_dim,
          .sliding_window = shape.sliding_window,
          .gates = shape.gated ? gates.data() : nullptr,
          .policies = shape.gated ? policies.data() : nullptr,
          .gate_stride = shape.heads,
          .splits = shape.splits,
          .workspace = workspace.data(),
          .out = out.data(),
          .largest_keys = shape.largest_keys ? largest_keys.data() : nullptr},
      nullptr);

  const Reference reference = attend(inputs);
  const double error = largest_error(out.values(), reference.out);
  if (!shape.largest_keys) return error;
  const std::vector<int64_t> found = largest_keys.values();
  for (size_t i = 0; i < found.size(); ++i) {
    if (reference.largest_keys[i] < 0 || found[i] == reference.largest_keys[i]) continue;
    throw std::runtime_error("largest key " + std::to_string(i) + " is " +
                             std::to_string(found[i]) + ", expected " +
                             std::to_string(reference.largest_keys[i]));
  }
  return error;
}

std::vector<Attention> shapes_of(int64_t head_dim) {
  std::vector<Attention> shapes;
  for (int64_t group = 1; group <= 10; ++group) {
    shapes.push_back(
        {.what = "group" + std::to_string(group), .head_dim = head_dim, .heads = 2 * group});
  }
  for (const int64_t window : {1, 5, 16, 100}) {
    shapes.push_back({.what = "window" + std::to_string(window),
                      .head_dim = head_dim,
                      .heads = 4,
                      .sliding_window = window,
                      .lengths = {1, 5, 0, 16, 130}});
  }
  for (const int64_t group : {1, 3, 9}) {
    const std::string name = "_group" + std::to_string(group);
    for (const bool largest_keys : {false, true}) {
      const std::string what = largest_keys ? "_largest_keys" : "";
      shapes.push_back({.what = "gates" + what + name,
                        .head_dim = head_dim,
                        .heads = 2 * group,
                        .gated = true,
                        .largest_keys = largest_keys});
      // 128 keys per split at least: 1, 1, 2, 3 and 4 splits.
      shapes.push_back({.what = "splits_gates" + what + name,
                        .head_dim = head_dim,
                        .heads = group,
                        .key_value_heads = 1,
                        .splits = 4,
                        .gated = true,
                        .largest_keys = largest_keys,
                        .lengths = {0, 128, 129, 300, 513}});
    }
  }
  shapes.push_back({.what = "splits_window",
                    .head_dim = head_dim,
                    .heads = 2,
                    .sliding_window = 200,
                    .splits = 3,
                    .largest_keys = true,
                    .lengths = {150, 0, 333, 500}});
  shapes.push_back({.what = "long",
                    .head_dim = head_dim,
                    .heads = 4,
                    .key_value_heads = 1,
                    .splits = kernels::cuda::kMaxSplits,
                    .largest_keys = true,
                    .lengths = {2100}});
  return shapes;
}

template <typename Element>
void add_attention(std::vector<Case>& cases) {
  for (const int64_t head_dim : {64, 128}) {
    for (const Attention& shape : shapes_of(head_dim)) {
      cases.push_back({.name = std::string("attention/") + kElementName<Element> + "/" +
                               std::to_string(head_dim) + "/" + shape.what,
                       .tolerance = kTolerance<Element>,
                       .run = [shape] { return check_attention<Element>(shape); }});
    }
  }
}

}  // namespace

std::vector<Case> attention_cases() {
  std::vector<Case> cases;
  add_attention<float>(cases);
  add_attention<kernels::BFloat16>(cases);
  return cases;
}

}  // namespace retmask::testing
