#pragma once

#include "decoder_layer.h"
#include "parameters.h"
#include "retmask/model/model.h"
#include "rope.h"

namespace retmask {

class CausalLm::Impl {
 public:
  Impl(const ModelConfig& model_config, torch::TensorOptions options, torch::Device compute_device);

  // Must follow a change of the mode.
  void make_layers();

  const ModelConfig config;
  const torch::Device device;
  const RopeSet ropes;
  ModelParameters parameters;
  ActivationCheckpointing activation_checkpointing = ActivationCheckpointing::none;
  WeightGatherer* gatherer = nullptr;
  DecoderLayers layers;
};

}  // namespace retmask
