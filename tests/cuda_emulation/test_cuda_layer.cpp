// The GPU's decoder layer on CPU tensors, with emulated kernels, against libtorch's: what it hands
// to the kernels, which nothing else tests where there is no GPU.

#include <gtest/gtest.h>

#include "cuda_emulation/access_log.h"

// The model library has functions of these names: the GPU's, or their stubs.
#define cuda_rotate emulated_rotate
#define cuda_silu_multiply emulated_silu_multiply
#define cuda_silu_multiply_backward emulated_silu_multiply_backward
#define has_cuda_decode has_emulated_decode
#define has_cuda_kernels has_emulated_kernels
#define make_cuda_layer make_emulated_layer
#include "cuda_layer.cpp"
#include "cuda_ops.cpp"

namespace retmask {
namespace {

using torch::Tensor;

constexpr int64_t kBlockSize = kernels::cuda::kBlockTokens;

Json config_of(const std::string& family) {
  Json config{{"model_type", family},
              {"hidden_size", 48},
              {"intermediate_size", 40},
              {"num_hidden_layers", 2},
              {"num_attention_heads", 6},
              {"num_key_value_heads", 2},
              {"head_dim", 64},
              {"vocab_size", 10},
              {"rms_norm_eps", 1e-5},
              {"rope_theta", 100.0},
              {"max_position_embeddings", 64}};
  if (family == "olmo3") {
    config["layer_types"] = {"sliding_attention", "full_attention"};
    config["sliding_window"] = 7;
  }
  return config;
}

// A layer of a model, its KV cache with blocks in disorder, and the same for libtorch.
struct Layers {
  Layers(const std::string& family, torch::ScalarType in_dtype, int64_t in_layer)
      : dtype(in_dtype),
        layer(in_layer),
        config(parse_model_config(config_of(family), "config.json")),
        ropes(config, torch::kCPU) {
    torch::manual_seed(11);
    const LayerShape shape = layer_shape(config, layer, ropes);
    const auto parameters = [&] {
      LayerParameters made(config, torch::TensorOptions(dtype));
      for (Tensor& parameter : made->parameters()) parameter.set_requires_grad(false);
      return made;
    };
    const LayerParameters own = parameters(), expected = parameters();
    for (const auto& pair : expected->named_parameters()) {
      const bool is_norm = pair.value().dim() == 1;
      pair.value().copy_(torch::randn(pair.value().sizes()) * (is_norm ? 0.3 : 0.15) +
                         (is_norm ? 1.0 : 0.0));
      own->named_parameters()[pair.key()].copy_(pair.value());
    }
    libtorch = make_libtorch_layer(shape, expected);
    cuda = make_cuda_layer(shape, own);
    for (auto* cache : {&own_cache, &expected_cache}) {
      for (int64_t l = 0; l < config.num_hidden_layers(); ++l) {
        const auto blocks =
            torch::zeros({kBlocks, config.num_key_value_heads, kBlockSize, config.head_dim}, dtype);
        cache->push_back({blocks, blocks.clone()});
      }
    }
  }

  Tensor random_input(int64_t tokens) const {
    return torch::randn({tokens, config.hidden_size}).to(dtype);
  }
  ForwardContext context_of(const PackedBatch& batch) const {
    ForwardContext context = make_context(batch, ropes, torch::kCPU, dtype);
    if (batch.cache != nullptr) context.slots = make_slots(batch, torch::kCPU);
    return context;
  }
  KeyValueBlocks blocks_of(const std::vector<KeyValueBlocks::Layer>& layers) const {
    return {.layers = &layers, .block_tables = kTables, .block_size = kBlockSize};
  }
  void expect_close(const Tensor& found, const Tensor& expected, const std::string& what) const {
    ASSERT_EQ(found.sizes(), expected.sizes()) << what;
    const double error = (found - expected).to(torch::kFloat64).norm().item<double>();
    const double tolerance = dtype == torch::kFloat32 ? 1e-5 : 1.5e-2;
    EXPECT_LE(error, tolerance * expected.to(torch::kFloat64).norm().item<double>()) << what;
  }
  void expect_equal_caches() const {
    const auto at = static_cast<size_t>(layer);
    expect_close(own_cache[at].keys, expected_cache[at].keys, "keys");
    expect_close(own_cache[at].values, expected_cache[at].values, "values");
    EXPECT_EQ(own_cache[1 - at].keys.count_nonzero().item<int64_t>(), 0);
  }

  static constexpr int64_t kBlocks = 7;
  const Tensor kTables = torch::tensor({{4, 1, 6}, {0, 5, 2}}, torch::kInt32);
  torch::ScalarType dtype;
  int64_t layer;
  ModelConfig config;
  RopeSet ropes;
  std::shared_ptr<const DecoderLayer> libtorch;
  CudaLayer cuda;
  std::vector<KeyValueBlocks::Layer> own_cache, expected_cache;
};

struct LayerCase {
  std::string family;
  torch::ScalarType dtype;
  int64_t layer;
};

class EmulatedCudaLayer : public ::testing::TestWithParam<LayerCase> {
 protected:
  EmulatedCudaLayer() {
    // Any tensor may be a kernel's.
    cuda_emulation::add_device_memory({reinterpret_cast<const void*>(1), SIZE_MAX - 1});
  }
  ~EmulatedCudaLayer() override {
    cuda_emulation::remove_device_memory(reinterpret_cast<const void*>(1));
  }

  const torch::NoGradGuard no_grad_;
  Layers layers_{GetParam().family, GetParam().dtype, GetParam().layer};
};

INSTANTIATE_TEST_SUITE_P(Families,
                         EmulatedCudaLayer,
                         ::testing::Values(LayerCase{"llama", torch::kFloat32, 0},
                                           LayerCase{"llama", torch::kBFloat16, 1},
                                           LayerCase{"qwen3", torch::kFloat32, 1},
                                           LayerCase{"qwen3", torch::kBFloat16, 0},
                                           LayerCase{"olmo3", torch::kFloat32, 0},
                                           LayerCase{"olmo3", torch::kBFloat16, 0},
                                           LayerCase{"olmo3", torch::kFloat32, 1}),
                         [](const auto& test) {
                           return test.param.family + "_" + c10::toString(test.param.dtype) + "_" +
                                  std::to_string(test.param.layer);
                         });

TEST_P(EmulatedCudaLayer, PromptsWithoutACache) {
  const PackedBatch batch{.token_ids = {}, .lengths = {9, 4}, .past = {}, .leaders = {}};
  const Tensor x = layers_.random_input(13);
  const ForwardContext context = layers_.context_of(batch);
  layers_.expect_close(
      layers_.cuda.prompts->forward(x, context), layers_.libtorch->forward(x, context), "output");
}

// A prompt in two chunks, the second with gates and a probe, and then new tokens, whose heads are
// partly off.
TEST_P(EmulatedCudaLayer, PromptsAndNewTokensInACache) {
  const HeadGate gate(layers_.config,
                      {HeadMask{{layers_.layer, 1}, {layers_.layer, 5}}, HeadMask{}},
                      torch::TensorOptions(layers_.dtype));
  const KeyValueBlocks own = layers_.blocks_of(layers_.own_cache);
  const KeyValueBlocks expected = layers_.blocks_of(layers_.expected_cache);
  for (const auto& [past, lengths] :
       {std::pair<std::vector<int64_t>, std::vector<int64_t>>{{0, 0}, {20, 3}},
        {{20, 3}, {6, 30}}}) {
    const Tensor x = layers_.random_input(lengths[0] + lengths[1]);
    AttentionProbe own_probe, expected_probe;
    const auto batch = [&](const KeyValueBlocks& cache, AttentionProbe& probe) {
      PackedBatch made{
          .token_ids = {}, .lengths = lengths, .past = past, .cache = &cache, .leaders = {}};
      if (past[0] > 0) {
        made.gate = &gate;
        made.probe = &probe;
      }
      return made;
    };
    const Tensor found =
        layers_.cuda.prompts->forward(x, layers_.context_of(batch(own, own_probe)));
    layers_.expect_close(
        found,
        layers_.libtorch->forward(x, layers_.context_of(batch(expected, expected_probe))),
        "output");
    layers_.expect_equal_caches();
    if (past[0] > 0) {
      EXPECT_TRUE(torch::equal(own_probe.largest_keys(), expected_probe.largest_keys()));
    }
  }

  const Tensor x = layers_.random_input(2);
  Tensor gates = torch::ones({2, 2, layers_.config.num_attention_heads});
  for (const int64_t head : {1, 5}) gates[1][layers_.layer][head] = 0.0;
  const DecodeBatch decode{.token_ids = {},
                           .past = torch::tensor({26, 33}, torch::kInt64),
                           .layers = &layers_.own_cache,
                           .block_tables = layers_.kTables.flatten(),
                           .table_starts = torch::tensor({0, 3}, torch::kInt64),
                           .policies = torch::tensor({1, 0}, torch::kInt64),
                           .gates = gates,
                           .means = {},
                           .splits = 2,
                           .largest_keys = torch::full({2, 2, 6}, -7, torch::kInt64)};
  const ForwardContext context{.rotations = layers_.ropes.rotations(decode.past, {}),
                               .decode = &decode};
  AttentionProbe probe;
  const PackedBatch batch{.token_ids = {},
                          .lengths = {1, 1},
                          .past = {26, 33},
                          .cache = &expected,
                          .gate = &gate,
                          .leaders = {},
                          .probe = &probe};
  const Tensor found = layers_.cuda.decode->forward(x, context);
  layers_.expect_close(
      found, layers_.libtorch->forward(x, layers_.context_of(batch)), "a new token's output");
  layers_.expect_equal_caches();
  EXPECT_TRUE(torch::equal(decode.largest_keys[layers_.layer], probe.largest_keys().select(1, 0)));
}

// Sequences that share their rows of a batch (LeaderBatch).
TEST_P(EmulatedCudaLayer, SharedRowsOfSeveralSequences) {
  const KeyValueBlocks own = layers_.blocks_of(layers_.own_cache);
  const KeyValueBlocks expected = layers_.blocks_of(layers_.expected_cache);
  const Tensor x = layers_.random_input(5);
  const auto forward = [&](const DecoderLayer& layer, const KeyValueBlocks& cache) {
    const PackedBatch whole{.token_ids = torch::arange(10) % 5,
                            .lengths = {5, 5},
                            .past = {0, 0},
                            .cache = &cache,
                            .leaders = {0, 0},
                            .first_difference = 2};
    const LeaderBatch leaders(whole);
    ForwardContext context =
        make_context(leaders.batch(), layers_.ropes, torch::kCPU, layers_.dtype);
    context.slots = make_slots(whole, torch::kCPU);
    context.slots.batch_rows = torch::tensor(leaders.row_of_token());
    return layer.forward(x, context);
  };
  layers_.expect_close(
      forward(*layers_.cuda.prompts, own), forward(*layers_.libtorch, expected), "output");
  layers_.expect_equal_caches();
  EXPECT_GT(
      layers_.own_cache[static_cast<size_t>(layers_.layer)].keys[0].count_nonzero().item<int64_t>(),
      0);
}

TEST_P(EmulatedCudaLayer, StepsOfTraining) {
  const auto random = [&](std::initializer_list<int64_t> shape) {
    return torch::randn(shape).to(layers_.dtype);
  };
  const Tensor gate = random({7, 40}).set_requires_grad(true);
  const Tensor up = random({7, 40}).set_requires_grad(true);
  const Tensor dy = random({7, 40});
  {
    const torch::AutoGradMode with_grad(true);
    (torch::silu(gate.to(torch::kFloat64)) * up.to(torch::kFloat64))
        .backward(dy.to(torch::kFloat64));
  }
  const SiluGradients found = cuda_silu_multiply_backward(gate, up, dy);
  layers_.expect_close(found.dgate, gate.grad(), "gradient of the gate");
  layers_.expect_close(found.dup, up.grad(), "gradient of up");
  layers_.expect_close(cuda_silu_multiply(gate, up), torch::silu(gate) * up, "SwiGLU");

  const Tensor x = random({13, 6, 64});
  const Rotation rotation = layers_.ropes.rotations(torch::arange(13), torch::full({13}, 13))[0];
  const Tensor rotated = cuda_rotate(x, rotation);
  layers_.expect_close(rotated, apply_rotation(x, rotation), "rotation");
  layers_.expect_close(cuda_rotate(rotated, {rotation.cos, -rotation.sin}), x, "rotation back");
  // Heads of a wider row, as a fused product makes them.
  const Tensor wide = random({13, 8, 64});
  layers_.expect_close(cuda_rotate(wide.narrow(1, 1, 6), rotation),
                       apply_rotation(wide.narrow(1, 1, 6), rotation),
                       "rotation of strided tokens");
}

}  // namespace
}  // namespace retmask
