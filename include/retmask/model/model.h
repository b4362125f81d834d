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
  // Loads strictly (check_tensors) and converts to dtype. Gradients are off. `config` is
  // read_model_config's, to which the caller may have given other limits.
  static CausalLm load(const Checkpoint& checkpoint,
                       const ModelConfig& config,
                       torch::Device device,
                       torch::ScalarType dtype);
  static CausalLm load(const Checkpoint& checkpoint, torch::Device device, torch::ScalarType dtype);
  // Uninitialised weights, for benchmarks of shapes that are not on disk and for tests that fill
  // them.
  static CausalLm empty(const ModelConfig& config, torch::Device device, torch::ScalarType dtype);

  // What load() would return but with parameters that hold no memory, for a WeightGatherer to
  // replace by memory on `device`.
  static CausalLm without_weights(const Checkpoint& checkpoint,
                                  const ModelConfig& config,
                                  torch::Device device,
                                  torch::ScalarType dtype);

  // Rearranges the weights for inference alone. On the CPU: several times the speed, and a token's
  // result does not depend on what else is in the batch. On a GPU: fewer and larger products, and
  // decode(); without CUDA kernels in this build it does nothing there. There stays one copy of the
  // weights; parameters() and gradients are gone.
  void pack();
  bool is_packed() const;

  const ModelConfig& config() const;
  torch::Device device() const;
  torch::ScalarType dtype() const;

  // The last layer's hidden states after the final norm: [T, hidden_size].
  torch::Tensor forward(const PackedBatch& batch) const;
  // The same for one new token per sequence, without a word from the host: packed on a GPU, and the
  // heads of a size for which there is a kernel.
  bool has_decode() const;
  torch::Tensor decode(const DecodeBatch& batch) const;
  // hidden [n, hidden_size] -> [n, vocab_size], in the model's dtype; float32 when packed (they are
  // summed in float32, and rounding to bfloat16 would make neighbours equal).
  torch::Tensor logits(const torch::Tensor& hidden) const;
  // log softmax(logits(hidden))[targets]: hidden [n, hidden_size], targets [n] int64 -> [n]
  // float32, differentiable when the parameters are. In chunks, so that [n, vocab_size] logits
  // never exist at once.
  torch::Tensor target_logprobs(const torch::Tensor& hidden, const torch::Tensor& targets) const;
  // Of a packed model into `out`, [n, vocab_size] float32 and contiguous.
  void logits_into(const torch::Tensor& hidden, const torch::Tensor& out) const;

  // In a fixed order (the layers'), tied weights once. The tensors are the model's own: an
  // optimizer writes into them.
  std::vector<std::pair<std::string, torch::Tensor>> parameters() const;
  void set_requires_grad(bool on);
  void set_activation_checkpointing(ActivationCheckpointing mode);
  // Null: the weights are there all the time. Otherwise it outlives the use of the model, and
  // training needs activation checkpointing: a layer's weights are gone when its backward pass
  // comes.
  void set_weight_gatherer(WeightGatherer* gatherer);

 private:
  std::shared_ptr<CausalLmImpl> impl_;
};

// Rows of logits that target_logprobs has in memory at once.
int64_t head_chunk_rows(int64_t vocab_size, torch::ScalarType dtype);

// Saves the weights (converted to `dtype`) as a checkpoint folder beside `source`'s config,
// tokenizer and template.
void save_model(const CausalLm& model,
                const Checkpoint& source,
                const std::filesystem::path& dir,
                TensorType dtype);
// The same with weights that are elsewhere: `weight_of` is called once for each parameter, in
// parameters()'s order.
void save_model(const CausalLm& model,
                const Checkpoint& source,
                const std::filesystem::path& dir,
                TensorType dtype,
                const std::function<torch::Tensor(const std::string& name)>& weight_of,
                const SaveOptions& options = {});

}  // namespace retmask
