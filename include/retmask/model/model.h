#pragma once
// The one causal language model: embedding, L decoder layers, final norm, lm_head. Parameter names
// are the checkpoint's ("model.layers.0.self_attn.q_proj.weight").

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/activation_checkpointing.h"
#include "retmask/model/attention.h"
#include "retmask/model/config.h"
#include "retmask/model/weight_gatherer.h"

namespace retmask {

class CausalLmImpl;
struct DecodeBatch;

class CausalLm {
 public:
  // Loads strictly (check_tensors) and converts to dtype. Gradients are off. `config` comes from
  // read_model_config, possibly with limits changed by the caller.
  static CausalLm load(const Checkpoint& checkpoint,
                       const ModelConfig& config,
                       torch::Device device,
                       torch::ScalarType dtype);
  static CausalLm load(const Checkpoint& checkpoint, torch::Device device, torch::ScalarType dtype);
  // Uninitialised weights, for benchmarks of shapes without a checkpoint and for tests that fill
  // them.
  static CausalLm empty(const ModelConfig& config, torch::Device device, torch::ScalarType dtype);

  // Like load(), but the parameters hold no memory: a WeightGatherer replaces them with memory on
  // `device`.
  static CausalLm without_weights(const Checkpoint& checkpoint,
                                  const ModelConfig& config,
                                  torch::Device device,
                                  torch::ScalarType dtype);

  // Packs the weights for inference only. On the CPU: several times faster, and a token's result
  // does not depend on the rest of the batch. On a GPU: fewer and larger products, and decode(); a
  // build without CUDA kernels does nothing there. Only one copy of the weights remains;
  // parameters() and gradients are gone.
  void pack();
  bool is_packed() const;

  const ModelConfig& config() const;
  torch::Device device() const;
  torch::ScalarType dtype() const;

  // The last layer's hidden states after the final norm: [T, hidden_size].
  torch::Tensor forward(const PackedBatch& batch) const;
  // The same for one new token per sequence, without host synchronisation. Needs a packed model on
  // a GPU and a head size that has a kernel.
  bool has_decode() const;
  torch::Tensor decode(const DecodeBatch& batch) const;
  // hidden [n, hidden_size] -> [n, vocab_size], in the model's dtype; float32 when packed, because
  // rounding to bfloat16 would create ties.
  torch::Tensor logits(const torch::Tensor& hidden) const;
  // log softmax(logits(hidden))[targets]: hidden [n, hidden_size], targets [n] int64 -> [n]
  // float32, differentiable when the parameters are. Computed in chunks, so that [n, vocab_size]
  // logits never exist at once.
  torch::Tensor target_logprobs(const torch::Tensor& hidden, const torch::Tensor& targets) const;
  // Packed models: writes into `out`, [n, vocab_size] float32 and contiguous.
  void logits_into(const torch::Tensor& hidden, const torch::Tensor& out) const;

  // In a fixed order (layer by layer), tied weights once. The tensors are the model's storage: an
  // optimizer writes into them.
  std::vector<std::pair<std::string, torch::Tensor>> parameters() const;
  void set_requires_grad(bool on);
  void set_activation_checkpointing(ActivationCheckpointing mode);
  // Null: all weights are resident. Otherwise the gatherer must outlive the use of the model, and
  // training needs activation checkpointing: the weights of a layer are released before its
  // backward pass.
  void set_weight_gatherer(WeightGatherer* gatherer);

 private:
  std::shared_ptr<CausalLmImpl> impl_;
};

// Logit rows that target_logprobs holds in memory at once.
int64_t head_chunk_rows(int64_t vocab_size, torch::ScalarType dtype);

// Saves the weights (converted to `dtype`) as a checkpoint folder with the config, tokenizer and
// template of `source`.
void save_model(const CausalLm& model,
                const Checkpoint& source,
                const std::filesystem::path& dir,
                TensorType dtype);
// The same with weights stored elsewhere: `weight_of` is called once per parameter, in the order of
// parameters().
void save_model(const CausalLm& model,
                const Checkpoint& source,
                const std::filesystem::path& dir,
                TensorType dtype,
                const std::function<torch::Tensor(const std::string& name)>& weight_of,
                const SaveOptions& options = {});

}  // namespace retmask
