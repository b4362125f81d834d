#include <gtest/gtest.h>

#include <cmath>

#include "random_values.h"
#include "retmask/kernels/sequence_attention.h"

namespace retmask::kernels {
namespace {

using testing::Guarded;
using testing::kTolerance;
using testing::random_values;

// Attention and its gradients by the formulas in double: [T, G, D] and [T, D], contiguous.
struct Expected {
  std::vector<double> out, log_sums, dq, dk, dv;
};

template <typename Element>
Expected by_the_formula(const SequenceShape& shape,
                        const Guarded<Element>& q,
                        const Guarded<Element>& k,
                        const Guarded<Element>& v,
                        const Guarded<Element>& dout) {
  const auto [tokens, group, dim, window] = shape;
  const double scale = 1 / std::sqrt(static_cast<double>(dim));
  Expected e;
  e.out.resize(q.size());
  e.log_sums.resize(static_cast<size_t>(tokens * group));
  e.dq.resize(q.size());
  e.dk.resize(k.size());
  e.dv.resize(k.size());
  const auto dot = [&](const auto& a, int64_t row_a, const auto& b, int64_t row_b) {
    double sum = 0;
    for (int64_t d = 0; d < dim; ++d)
      sum += static_cast<double>(widen(a[row_a * dim + d])) * widen(b[row_b * dim + d]);
    return sum;
  };
  for (int64_t row = 0; row < tokens * group; ++row) {
    const int64_t query = row / group;
    const int64_t first = std::max<int64_t>(0, query + 1 - window);
    double total = 0;
    for (int64_t key = first; key <= query; ++key) total += std::exp(scale * dot(q, row, k, key));
    e.log_sums[row] = std::log(total);
    double pull = 0;
    for (int64_t key = first; key <= query; ++key) {
      const double weight = std::exp(scale * dot(q, row, k, key)) / total;
      pull += weight * dot(dout, row, v, key);
      for (int64_t d = 0; d < dim; ++d) {
        e.out[row * dim + d] += weight * widen(v[key * dim + d]);
        e.dv[key * dim + d] += weight * widen(dout[row * dim + d]);
      }
    }
    for (int64_t key = first; key <= query; ++key) {
      const double weight = std::exp(scale * dot(q, row, k, key)) / total;
      const double dscore = weight * (dot(dout, row, v, key) - pull) * scale;
      for (int64_t d = 0; d < dim; ++d) {
        e.dq[row * dim + d] += dscore * widen(k[key * dim + d]);
        e.dk[key * dim + d] += dscore * widen(q[row * dim + d]);
      }
    }
  }
  return e;
}

template <typename Values>
void expect_near(const Values& values,
                 const std::vector<double>& expected,
                 double tolerance,
                 const char* what) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_NEAR(widen(values[i]), expected[i], tolerance * (1 + std::abs(expected[i])))
        << what << " " << i;
  }
}

template <typename Element>
void expect_formula(const SequenceShape& shape) {
  SCOPED_TRACE(::testing::Message() << shape.tokens << " tokens, group " << shape.group << ", D "
                                    << shape.head_dim << ", window " << shape.window);
  const int64_t row = shape.group * shape.head_dim;
  const auto q = random_values<Element>(shape.tokens * row, "q");
  const auto k = random_values<Element>(shape.tokens * shape.head_dim, "k");
  const auto v = random_values<Element>(shape.tokens * shape.head_dim, "v");
  const auto dout = random_values<Element>(shape.tokens * row, "dout");
  const Expected expected = by_the_formula(shape, q, k, v, dout);

  Guarded<Element> out(q.size()), dq(q.size()), dk(k.size()), dv(k.size());
  Guarded<float> log_sums(static_cast<size_t>(shape.tokens * shape.group));
  std::vector<float> scratch(7, NAN);  // stale contents must not matter
  attend(SequenceAttention<Element>{.shape = shape,
                                    .q = {q.data(), row},
                                    .k = {k.data(), shape.head_dim},
                                    .v = {v.data(), shape.head_dim},
                                    .out = {out.data(), row},
                                    .log_sums = {log_sums.data(), shape.group}},
         scratch);
  std::fill(scratch.begin(), scratch.end(), NAN);
  attend_backward(SequenceAttentionGradient<Element>{.shape = shape,
                                                     .q = {q.data(), row},
                                                     .k = {k.data(), shape.head_dim},
                                                     .v = {v.data(), shape.head_dim},
                                                     .out = {out.data(), row},
                                                     .log_sums = {log_sums.data(), shape.group},
                                                     .dout = {dout.data(), row},
                                                     .dq = {dq.data(), row},
                                                     .dk = {dk.data(), shape.head_dim},
                                                     .dv = {dv.data(), shape.head_dim}},
                  scratch);
  const double tolerance = kTolerance<Element>;
  expect_near(out, expected.out, tolerance, "out");
  expect_near(log_sums, expected.log_sums, 1e-5, "log_sums");
  expect_near(dq, expected.dq, tolerance, "dq");
  expect_near(dk, expected.dk, tolerance, "dk");
  expect_near(dv, expected.dv, tolerance, "dv");
}

template <typename Element>
class SequenceAttentionTest : public ::testing::Test {};
using Elements = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(SequenceAttentionTest, Elements);

// One token, less than a block of queries, exactly one block and one query more, several panels of
// keys.
TYPED_TEST(SequenceAttentionTest, IsTheFormulaAtAnyLength) {
  for (const int64_t tokens : {1, 5, 31, 32, 33, 64, 65, 130})
    expect_formula<TypeParam>({.tokens = tokens, .group = 3, .head_dim = 64, .window = tokens});
}

// Widths that are and are not multiples of a vector, one and several of 64.
TYPED_TEST(SequenceAttentionTest, IsTheFormulaAtAnyHeadDim) {
  for (const int64_t dim : {8, 16, 24, 40, 80, 128, 130})
    expect_formula<TypeParam>({.tokens = 37, .group = 2, .head_dim = dim, .window = 37});
}

TYPED_TEST(SequenceAttentionTest, IsTheFormulaInAnyWindow) {
  for (const int64_t window : {1, 3, 32, 64, 70, 149, 150, 1000})
    expect_formula<TypeParam>({.tokens = 150, .group = 1, .head_dim = 32, .window = window});
}

}  // namespace
}  // namespace retmask::kernels
