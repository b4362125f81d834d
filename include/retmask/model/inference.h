#pragma once
// A language model for inference: KV cache, head gate and probe, no gradients.

#include <torch/types.h>

#include <memory>

#include "retmask/model/language_model.h"
#include "retmask/model/model.h"

namespace retmask {

struct DecodeBatch;

class InferenceLm : public LanguageModel {
 public:
  // Takes the weights over and prepares them for our own kernels; only one copy remains. On the
  // CPU: several times faster than libtorch, and a token's result does not depend on the rest of
  // the batch. On a GPU: fewer and larger products, and decode(); a build without CUDA kernels runs
  // libtorch there.
  explicit InferenceLm(CausalLm weights);
  // With libtorch alone: the slow reference.
  static InferenceLm with_libtorch(CausalLm weights);

  InferenceLm(InferenceLm&&) noexcept;
  ~InferenceLm() override;

  const ModelConfig& config() const override;
  torch::Device device() const override;
  torch::ScalarType dtype() const override;
  bool has_own_kernels() const;

  torch::Tensor forward(const PackedBatch& batch) const override;
  // float32 with own kernels, because rounding to bfloat16 would create ties; else the model's
  // dtype.
  torch::Tensor logits(const torch::Tensor& hidden) const override;
  torch::Tensor target_logprobs(const torch::Tensor& hidden,
                                const torch::Tensor& targets) const override;

  // forward() in parts, for callers that share work between batches: embed(), layers [begin, end),
  // final_norm(). `x` [T, hidden_size] is the input of layer `begin` and may be overwritten. The
  // batch has no cache, and its token_ids are not read.
  torch::Tensor embed(const torch::Tensor& token_ids) const;
  torch::Tensor run_layers(torch::Tensor x,
                           int64_t begin,
                           int64_t end,
                           const PackedBatch& batch) const;
  torch::Tensor final_norm(const torch::Tensor& x) const;

  // The direct path from a head's output to the logits: rows of lm_head, token_ids [n] ->
  // [n, hidden_size], and their product with a layer's W_o, u [n, hidden_size] -> [n, H, D]. In
  // float32 and without norms.
  torch::Tensor unembedding(const torch::Tensor& token_ids) const;
  torch::Tensor project_onto_heads(const torch::Tensor& u, int64_t layer) const;

  // forward() for one new token per sequence, without host synchronisation: [S, hidden_size]. Only
  // on a GPU, with own kernels and a head size that they support.
  bool has_decode() const;
  torch::Tensor decode(const DecodeBatch& batch) const;
  // With own kernels: logits(hidden) into `out`, [n, vocab_size] float32 and contiguous.
  void logits_into(const torch::Tensor& hidden, const torch::Tensor& out) const;

 private:
  class Impl;
  explicit InferenceLm(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace retmask
