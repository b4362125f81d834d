#pragma once
// Self-attention of a whole sequence, forward and backward, for training and scoring; on the CPU
// and on the calling thread. Every product and sum is float32; results are rounded once. The result
// for a sequence does not depend on the rest of the batch.
//
// Shapes: T tokens, G query heads that share one key/value head, D head_dim. A tensor is given by
// its first element and the stride between tokens; the heads of one token are contiguous.

#include <cstdint>
#include <vector>

#include "retmask/kernels/row_gradients.h"

namespace retmask::kernels {

struct SequenceShape {
  int64_t tokens = 0;
  int64_t group = 0;
  int64_t head_dim = 0;
  int64_t window = 0;  // visible tokens, up to and including the query
};

template <typename Element>
struct SequenceAttention {
  SequenceShape shape;
  Rows<const Element> q;  // [T, G, D]
  Rows<const Element> k;  // [T, D]
  Rows<const Element> v;  // [T, D]
  Rows<Element> out;      // [T, G, D]
  Rows<float> log_sums;   // [T, G]: of exp(q k^T / sqrt(D)) over the visible keys
};

// out = softmax(q k^T / sqrt(D)) v, causally and within the window. `scratch` is resized as needed
// and can be reused.
void attend(const SequenceAttention<float>& attention, std::vector<float>& scratch);
void attend(const SequenceAttention<BFloat16>& attention, std::vector<float>& scratch);

template <typename Element>
struct SequenceAttentionGradient {
  SequenceShape shape;
  Rows<const Element> q;  // arguments and results of `attend`
  Rows<const Element> k;
  Rows<const Element> v;
  Rows<const Element> out;
  Rows<const float> log_sums;
  Rows<const Element> dout;  // [T, G, D]
  Rows<Element> dq;          // [T, G, D]
  Rows<Element> dk;          // [T, D]
  Rows<Element> dv;          // [T, D]
};

// Computes dq, dk and dv from dout. The weights are recomputed from the log-sums, block by block
// (Dao 2023, algorithm 2).
void attend_backward(const SequenceAttentionGradient<float>& gradient, std::vector<float>& scratch);
void attend_backward(const SequenceAttentionGradient<BFloat16>& gradient,
                     std::vector<float>& scratch);

}  // namespace retmask::kernels
