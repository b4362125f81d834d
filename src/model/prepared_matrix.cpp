#include "prepared_matrix.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

#include "cpu_dispatch.h"
#include "retmask/base/memory.h"
#include "retmask/kernels/matmul.h"

namespace retmask {
namespace {

// Rows per thread at a time: few enough that long prompts use many threads.
constexpr int64_t kRowGroup = 64;

template <typename Element, typename Out>
void run_parallel(const kernels::Matmul<Element, Out>& matmul) {
  const int64_t groups = (matmul.rows + kRowGroup - 1) / kRowGroup;
  const int64_t items = kernels::num_panels(matmul.n) * groups;
  // Panel by panel, so that the weights of a panel stay in the cache for all its rows.
  at::parallel_for(0, items, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    if (groups == 1) {
      kernels::run_matmul(matmul, 0, matmul.rows, begin, end);
      return;
    }
    for (int64_t item = begin; item < end; ++item) {
      const int64_t row = item % groups * kRowGroup;
      const int64_t panel = item / groups;
      kernels::run_matmul(matmul, row, std::min(row + kRowGroup, matmul.rows), panel, panel + 1);
    }
  });
}

template <typename Element, typename Out>
kernels::Matmul<Element, Out> make_matmul(const torch::Tensor& x,
                                          const torch::Tensor& packed,
                                          const torch::Tensor& bias,
                                          int64_t k,
                                          const torch::Tensor& out) {
  RETMASK_CHECK(x.dim() == 2 && x.size(1) == k && x.stride(1) == 1, x.sizes(), " times [", k, "]");
  return {.x = data_of<Element>(x),
          .x_stride = x.stride(0),
          .rows = x.size(0),
          .k = k,
          .n = out.size(1),
          .packed = data_of<Element>(packed),
          .bias = data_of<Element>(bias),
          .residual = nullptr,
          .out = mutable_data_of<Out>(out),
          .out_stride = out.size(1)};
}

int64_t num_outputs(const LinearStack& linears) {
  int64_t outputs = 0;
  for (const Linear& linear : linears) outputs += linear->weight.size(0);
  return outputs;
}

int64_t packed_elements(const LinearStack& linears) {
  return kernels::packed_size(num_outputs(linears), linears.at(0)->weight.size(1));
}

void pack(const LinearStack& linears, const torch::Tensor& packed) {
  const int64_t k = linears.at(0)->weight.size(1);
  RETMASK_CHECK(k % 2 == 0, "packed matrix with ", k, " inputs");
  int64_t row = 0;
  for (const Linear& linear : linears) {
    const torch::Tensor weight = linear->weight.contiguous();
    with_element(weight.scalar_type(), [&](auto element) {
      using Element = decltype(element);
      kernels::pack_rows(
          data_of<Element>(weight), row, weight.size(0), k, mutable_data_of<Element>(packed));
    });
    row += weight.size(0);
  }
}

}  // namespace

PreparedMatrix::PreparedMatrix(const LinearStack& linears)
    : PreparedMatrix(std::move(prepare({linears})[0])) {}

std::vector<PreparedMatrix> PreparedMatrix::prepare(const std::vector<LinearStack>& stacks) {
  const torch::Tensor& some_weight = stacks.at(0).at(0)->weight;
  torch::Tensor memory;
  if (some_weight.is_cpu()) {
    int64_t elements = 0;
    for (const LinearStack& stack : stacks) elements += packed_elements(stack);
    memory = torch::empty({elements}, some_weight.options().requires_grad(false));
    prefer_huge_pages(memory.mutable_data_ptr(), memory.nbytes());
    memory.zero_();
  }
  std::vector<PreparedMatrix> matrices;
  int64_t begin = 0;
  for (const LinearStack& stack : stacks) {
    const int64_t elements = packed_elements(stack);
    matrices.push_back(PreparedMatrix(
        stack, memory.defined() ? memory.narrow(0, begin, elements) : torch::Tensor()));
    begin += elements;
  }
  return matrices;
}

PreparedMatrix::PreparedMatrix(const LinearStack& linears, const torch::Tensor& memory)
    : n_(num_outputs(linears)), k_(linears.at(0)->weight.size(1)) {
  const torch::TensorOptions options = linears.at(0)->weight.options().requires_grad(false);
  std::vector<torch::Tensor> weights;
  std::vector<torch::Tensor> biases;
  for (const Linear& linear : linears) {
    weights.push_back(linear->weight.detach());
    if (linear->bias.defined()) biases.push_back(linear->bias);
  }
  if (memory.defined()) {
    packed_ = memory;
    pack(linears, packed_);
  } else {
    packed_ = weights.size() == 1 ? weights[0] : torch::cat(weights);
  }
  for (const Linear& linear : linears) linear->weight.set_data(torch::empty({0}, options));
  RETMASK_CHECK(biases.empty() || biases.size() == linears.size());
  if (!biases.empty()) bias_ = torch::cat(biases);
}

PreparedLayer::PreparedLayer(const LayerParameters& parameters) {
  const AttentionParameters& attn = parameters->self_attn;
  const MlpParameters& mlp = parameters->mlp;
  auto matrices = PreparedMatrix::prepare({{attn->q_proj, attn->k_proj, attn->v_proj},
                                           {attn->o_proj},
                                           {mlp->gate_proj, mlp->up_proj},
                                           {mlp->down_proj}});
  qkv = std::move(matrices[0]);
  output = std::move(matrices[1]);
  gate_up = std::move(matrices[2]);
  down = std::move(matrices[3]);
}

torch::Tensor PreparedMatrix::multiply(const torch::Tensor& x,
                                       const torch::Tensor& residual) const {
  if (!x.is_cpu()) {
    if (!residual.defined()) return at::linear(x, packed_, bias_);
    torch::Tensor sum = residual;
    sum.addmm_(x, packed_.t());
    return bias_.defined() ? sum.add_(bias_) : sum;
  }
  torch::Tensor out = torch::empty({x.size(0), n_}, x.options());
  with_element(x.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    auto matmul = make_matmul<Element, Element>(x, packed_, bias_, k_, out);
    RETMASK_CHECK(!residual.defined() || residual.is_contiguous());
    matmul.residual = data_of<Element>(residual);
    run_parallel(matmul);
  });
  return out;
}

torch::Tensor PreparedMatrix::multiply_to_float32(const torch::Tensor& x) const {
  torch::Tensor out = torch::empty({x.size(0), n_}, x.options().dtype(torch::kFloat32));
  multiply_to_float32(x, out);
  return out;
}

void PreparedMatrix::multiply_to_float32(const torch::Tensor& x, torch::Tensor out) const {
  if (!x.is_cpu()) {
    if (x.scalar_type() == torch::kFloat32) {
      at::mm_out(out, x, packed_.t());
    } else {
      at::mm_out(out, x, packed_.t(), torch::kFloat32);
    }
    if (bias_.defined()) out.add_(bias_);
    return;
  }
  with_element(x.scalar_type(), [&](auto element) {
    run_parallel(make_matmul<decltype(element), float>(x, packed_, bias_, k_, out));
  });
}

torch::Tensor PreparedMatrix::multiply_transposed(const torch::Tensor& u) const {
  const torch::Tensor weights = packed_.is_cpu() ? rows(torch::arange(n_)) : packed_;  // [n, k]
  return u.to(torch::kFloat32).mm(weights.to(torch::kFloat32));
}

torch::Tensor PreparedMatrix::rows(const torch::Tensor& ids) const {
  if (!ids.is_cpu()) return torch::embedding(packed_, ids);
  torch::Tensor out = torch::empty({ids.size(0), k_}, packed_.options());
  const torch::Tensor row_ids = ids.contiguous();
  const int64_t* id = row_ids.const_data_ptr<int64_t>();
  with_element(packed_.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    for (int64_t i = 0; i < ids.size(0); ++i) {
      TORCH_CHECK_INDEX(id[i] >= 0 && id[i] < n_, "token id ", id[i], " of ", n_);
      kernels::unpack_row(
          data_of<Element>(packed_), id[i], k_, mutable_data_of<Element>(out) + i * k_);
    }
  });
  return out;
}

}  // namespace retmask
