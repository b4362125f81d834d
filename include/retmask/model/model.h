#pragma once
// The one causal language model: embedding, L decoder layers, final norm, lm_head. This is its
// training form, with weights as parameters under the checkpoint's names
// ("model.layers.0.self_attn.q_proj.weight"); model/inference.h has the other.

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/activation_checkpointing.h"
#include "retmask/model/language_model.h"
#include "retmask/model/weight_gatherer.h"

namespace retmask {

class CausalLm : public LanguageModel {
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

  CausalLm(CausalLm&&) noexcept;
  ~CausalLm() override;

  const ModelConfig& config() const override;
  torch::Device device() const override;
  torch::ScalarType dtype() const override;

  // All three are differentiable where the parameters are. The batch has whole sequences only: no
  // cache, gate or probe.
  torch::Tensor forward(const PackedBatch& batch) const override;
  torch::Tensor logits(const torch::Tensor& hidden) const override;  // in the model's dtype
  torch::Tensor target_logprobs(const torch::Tensor& hidden,
                                const torch::Tensor& targets) const override;

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
  friend class InferenceLm;
  class Impl;
  explicit CausalLm(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

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
