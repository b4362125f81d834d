#pragma once
// A few parameters of a model, ready for an optimizer on one rank.

#include <torch/types.h>

#include <memory>

#include "optimizer.h"
#include "retmask/distributed/process_group.h"
#include "sharded_gradients.h"
#include "sharded_parameters.h"

namespace retmask::train {

struct TinyParameters {
  explicit TinyParameters(torch::ScalarType dtype,
                          const Options& options,
                          int64_t stage = 0,
                          torch::Device device = torch::kCPU) {
    torch::manual_seed(5);
    named = {{"model.embed_tokens.weight", torch::randn({7, 33})},
             {"model.layers.0.bias", torch::randn({33})},
             {"model.norm.weight", torch::randn({5})}};
    for (auto& [name, tensor] : named) {
      started_with.push_back(tensor);
      tensor = tensor.to(device, dtype, /*non_blocking=*/false, /*copy=*/true).requires_grad_();
    }
    parameters = std::make_unique<ShardedParameters>(
        named,
        group,
        stage,
        device,
        [&](const std::string& name, int64_t begin, const torch::Tensor& into) {
          for (size_t i = 0; i < named.size(); ++i) {
            if (named[i].first != name) continue;
            into.copy_(started_with[i].flatten().narrow(0, begin, into.size(0)));
          }
        });
    gradients = std::make_unique<ShardedGradients>(*parameters, group);
    optimizer = std::make_unique<AdamW>(*parameters, options);
  }

  // A step on the gradients of sum(parameter * factor), which are the factors.
  void step(const std::vector<torch::Tensor>& factors, double learning_rate) {
    backward({factors});
    optimizer->step(*gradients, learning_rate);
  }

  // One micro-batch per list of factors; parameters without a factor are not used in it.
  void backward(const std::vector<std::vector<torch::Tensor>>& micro_batches) {
    gradients->reset();
    for (size_t p = 0; p < micro_batches.size(); ++p) {
      gradients->start_pass(/*last=*/p + 1 == micro_batches.size());
      for (size_t u = 0; u < named.size(); ++u) {
        parameters->gather(static_cast<int64_t>(u), Pass::forward);
      }
      torch::Tensor loss = torch::zeros({}, named[0].second.device());
      for (size_t i = 0; i < named.size(); ++i) {
        if (!micro_batches[p][i].defined()) continue;
        loss = loss +
               (named[i].second.to(torch::kFloat32) * micro_batches[p][i].to(loss.device())).sum();
      }
      if (loss.requires_grad()) loss.backward();
      gradients->finish_pass();
      for (size_t u = 0; u < named.size(); ++u) {
        parameters->release(static_cast<int64_t>(u), Pass::forward);
      }
    }
  }

  // Parameter i taken from its unit; every parameter here is a separate unit.
  torch::Tensor gradient(size_t i) const { return part(gradients->slice(i), i); }
  torch::Tensor weight(size_t i) const { return part(parameters->weights(i), i); }

  std::vector<torch::Tensor> random_factors(double scale) const {
    std::vector<torch::Tensor> factors;
    for (const auto& [name, tensor] : named)
      factors.push_back(scale * torch::randn(tensor.sizes()));
    return factors;
  }

  NamedTensors named;
  std::vector<torch::Tensor> started_with;  // float32
  distributed::ProcessGroup group;
  std::unique_ptr<ShardedParameters> parameters;
  std::unique_ptr<ShardedGradients> gradients;
  std::unique_ptr<AdamW> optimizer;

 private:
  torch::Tensor part(const torch::Tensor& unit, size_t i) const {
    const torch::Tensor& parameter = named[i].second;
    return unit.narrow(0, 0, parameter.numel()).view(parameter.sizes());
  }
};

}  // namespace retmask::train
