#include <gtest/gtest.h>

#include <filesystem>

#include "retmask/base/error.h"
#include "retmask/model/model.h"
#include "train_ops.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::Golden;
using testing::load_tiny;
using testing::load_tiny_for_inference;
using testing::load_tiny_with_libtorch;
using testing::max_difference;
using testing::whole_sequences;

constexpr double kLogitTolerance = 1e-4;  // logits are of order 1

class Family : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Model,
                         Family,
                         ::testing::Values("llama", "qwen3", "olmo3"),
                         [](const auto& test) { return std::string(test.param); });

torch::Tensor golden_logits(const LanguageModel& model, const Golden& golden) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor hidden = model.forward(whole_sequences({golden.ids("token_ids")}));
  return model.logits(hidden).index_select(0, golden["rows"]);
}

TEST_P(Family, LogitsEqualTransformers) {
  const Golden golden(GetParam());
  const auto expect_equal = [&](const LanguageModel& model) {
    EXPECT_LT(max_difference(golden_logits(model, golden), golden["logits"]), kLogitTolerance);
  };
  expect_equal(load_tiny(GetParam()));
  expect_equal(load_tiny_for_inference(GetParam()));
  expect_equal(load_tiny_with_libtorch(GetParam()));
}

// bfloat16 has 8 significant bits: the CPU kernels are as close to float32 as libtorch is.
TEST_P(Family, BFloat16KernelsAreAsExactAsLibtorch) {
  const Golden golden(GetParam());
  const auto mean_difference = [&](const LanguageModel& model) {
    return (golden_logits(model, golden).to(torch::kFloat32) - golden["logits"])
        .abs()
        .mean()
        .item<double>();
  };
  const double libtorch = mean_difference(load_tiny_with_libtorch(GetParam(), torch::kBFloat16));
  EXPECT_LT(mean_difference(load_tiny_for_inference(GetParam(), torch::kBFloat16)), 1.1 * libtorch);
  EXPECT_LT(mean_difference(load_tiny(GetParam(), torch::kBFloat16)), 1.1 * libtorch);
}

TEST_P(Family, OldStyleConfigMeansTheSame) {
  const auto path =
      testing::golden_dir() / "model" / (std::string(GetParam()) + "_old_config.json");
  const ModelConfig old_style = parse_model_config(read_json_file(path, "config"), path.string());
  const ModelConfig new_style = load_tiny(GetParam()).config();
  ASSERT_EQ(old_style.layers.size(), new_style.layers.size());
  for (size_t i = 0; i < old_style.layers.size(); ++i) {
    RopeConfig expected = new_style.layers[i].rope;
    // transformers applies Olmo-3's top-level rope_theta only to the full layers.
    if (std::string(GetParam()) == "olmo3" && old_style.layers[i].sliding_window)
      expected.rope_theta = 500000;
    EXPECT_EQ(old_style.layers[i].rope, expected) << "layer " << i;
    EXPECT_EQ(old_style.layers[i].sliding_window, new_style.layers[i].sliding_window)
        << "layer " << i;
  }
  EXPECT_EQ(old_style.dtype, new_style.dtype);
}

// Sequences in one batch must not see each other.
TEST_P(Family, SequencesInABatchEqualSingleOnes) {
  const torch::NoGradGuard no_grad;
  const CausalLm model = load_tiny(GetParam());
  const auto ids = Golden(GetParam()).ids("token_ids");
  const std::vector<int64_t> first(ids.begin(), ids.begin() + 50);
  const std::vector<int64_t> second(ids.begin() + 50, ids.begin() + 170);
  const torch::Tensor both = model.forward(whole_sequences({first, second}));
  EXPECT_LT(max_difference(both.slice(0, 0, 50), model.forward(whole_sequences({first}))), 1e-5);
  EXPECT_LT(max_difference(both.slice(0, 50), model.forward(whole_sequences({second}))), 1e-5);
}

TEST_P(Family, GradientsEqualTransformers) {
  const Golden golden(GetParam());
  CausalLm model = load_tiny(GetParam());
  for (const auto recompute : {ActivationCheckpointing::none,
                               ActivationCheckpointing::selective,
                               ActivationCheckpointing::full}) {
    model.set_requires_grad(true);
    model.set_activation_checkpointing(recompute);
    for (auto& [name, parameter] : model.parameters()) parameter.mutable_grad() = torch::Tensor();
    const torch::Tensor ids = golden["token_ids"];
    const torch::Tensor logits =
        model.logits(model.forward(whole_sequences({golden.ids("token_ids")})));
    const torch::Tensor loss = torch::cross_entropy_loss(logits.slice(0, 0, -1), ids.slice(0, 1));
    EXPECT_NEAR(loss.item<double>(), golden["loss"].item<double>(), 1e-5);
    loss.backward();
    for (const auto& [name, parameter] : model.parameters()) {
      const double expected = golden["grad_norm." + name].item<double>();
      ASSERT_TRUE(parameter.grad().defined()) << name;
      EXPECT_NEAR(parameter.grad().norm().item<double>(), expected, 1e-4 * expected + 1e-6)
          << name << ", mode " << static_cast<int>(recompute);
    }
  }
}

TEST_P(Family, ProbeFindsTheLargestWeight) {
  const torch::NoGradGuard no_grad;
  const Golden golden(GetParam());
  for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
    const InferenceLm model = load(GetParam(), torch::kFloat32);
    AttentionProbe probe;
    PackedBatch batch = whole_sequences({golden.ids("token_ids")});
    batch.probe = &probe;
    model.forward(batch);
    EXPECT_TRUE(torch::equal(probe.largest_keys()[0], golden["largest_keys"]));

    AttentionProbe of_the_second(/*sequences=*/{1});
    batch = whole_sequences({{3, 4, 5}, golden.ids("token_ids")});
    batch.probe = &of_the_second;
    model.forward(batch);
    const torch::Tensor keys = of_the_second.largest_keys();
    EXPECT_TRUE(torch::equal(keys[1], golden["largest_keys"]));
    EXPECT_TRUE((keys[0] == AttentionProbe::kUnknown).all().item<bool>());
  }
}

TEST_P(Family, TargetLogprobsOfNothing) {
  const torch::NoGradGuard no_grad;
  const auto expect_nothing = [](const LanguageModel& model) {
    const torch::Tensor hidden = torch::empty({0, model.config().hidden_size});
    const torch::Tensor found = model.target_logprobs(hidden, torch::empty({0}, torch::kInt64));
    EXPECT_EQ(found.sizes(), torch::IntArrayRef({0}));
    EXPECT_EQ(found.scalar_type(), torch::kFloat32);
  };
  expect_nothing(load_tiny(GetParam()));
  expect_nothing(load_tiny_for_inference(GetParam()));
  expect_nothing(load_tiny_with_libtorch(GetParam()));
}

// The gate is the mask: zeroing the head's columns of W_o gives the same logits.
TEST_P(Family, GateEqualsZeroedColumns) {
  const torch::NoGradGuard no_grad;
  const CausalLm model = load_tiny(GetParam());
  const CausalLm masked = load_tiny(GetParam());
  const std::vector<Head> heads{{0, 1}, {2, 3}, {2, 0}};
  for (auto& [name, parameter] : masked.parameters()) {
    for (const Head& head : heads) {
      if (name != "model.layers." + std::to_string(head.layer) + ".self_attn.o_proj.weight")
        continue;
      const ColumnRange columns = output_columns(model.config(), head.head);
      parameter.slice(1, columns.begin, columns.end).zero_();
    }
  }
  const auto ids = Golden(GetParam()).ids("token_ids");
  PackedBatch batch = whole_sequences({ids, ids});
  const HeadGate gate(model.config(), {{}, heads}, torch::kFloat32);
  batch.gate = &gate;
  const torch::Tensor plain = model.forward(whole_sequences({ids}));
  for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
    const InferenceLm gated = load(GetParam(), torch::kFloat32);
    const auto hidden = gated.forward(batch).chunk(2);
    EXPECT_LT(max_difference(hidden[0], plain), kLogitTolerance);
    EXPECT_LT(max_difference(hidden[1], masked.forward(whole_sequences({ids}))), kLogitTolerance);
    EXPECT_GT(max_difference(hidden[1], plain), 1e-2);
  }
}

// A model for inference has no parameters: asking for them does not compile.
template <typename Model>
concept HasParameters = requires(Model model) {
  model.parameters();
};
static_assert(HasParameters<CausalLm> && !HasParameters<InferenceLm>);

TEST_P(Family, InferenceRecordsNoGradients) {
  CausalLm weights = load_tiny(GetParam());
  weights.set_requires_grad(true);
  const InferenceLm model(std::move(weights));
  const torch::Tensor hidden = model.forward(whole_sequences({{1, 2, 3}}));
  EXPECT_FALSE(hidden.requires_grad());
  EXPECT_FALSE(model.logits(hidden).requires_grad());
}

TEST_P(Family, ReaderSeesTheWeightsOfTheChosenRows) {
  const torch::NoGradGuard no_grad;
  const Golden golden(GetParam());
  const auto ids = golden.ids("token_ids");
  const auto length = static_cast<int64_t>(ids.size());
  for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
    const InferenceLm model = load(GetParam(), torch::kFloat32);
    std::vector<torch::Tensor> last_rows;
    AttentionReader reader{.rows = {{}, {length - 3, length + 5}},
                           .read = [&](size_t sequence, const AttentionRows& rows) {
                             EXPECT_EQ(sequence, 1u);
                             EXPECT_EQ(rows.layer, static_cast<int64_t>(last_rows.size()));
                             EXPECT_EQ(rows.values.sizes(), rows.keys.sizes());
                             const torch::Tensor weights = rows.weights();
                             EXPECT_EQ(weights.sizes(), (std::vector<int64_t>{4, 3, length}));
                             EXPECT_LT(max_difference(weights.sum(-1), torch::ones({4, 3})), 1e-5);
                             last_rows.push_back(weights.select(1, 2));
                           }};
    PackedBatch batch = whole_sequences({{3, 4, 5}, ids});
    batch.reader = &reader;
    model.forward(batch);
    EXPECT_TRUE(torch::equal(torch::stack(last_rows).argmax(-1), golden["largest_keys"]));
  }
}

TEST_P(Family, LayersInPartsEqualTheWhole) {
  const torch::NoGradGuard no_grad;
  const auto ids = Golden(GetParam()).ids("token_ids");
  for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
    const InferenceLm model = load(GetParam(), torch::kFloat32);
    const PackedBatch batch = whole_sequences({ids});
    torch::Tensor x = model.run_layers(model.embed(batch.token_ids), 0, 1, batch);
    x = model.run_layers(x, 1, 4, batch);
    EXPECT_TRUE(torch::equal(model.final_norm(x), model.forward(batch)));
  }
}

TEST_P(Family, ProjectionsAreTheWeights) {
  const torch::NoGradGuard no_grad;
  const CausalLm weights = load_tiny(GetParam());
  std::map<std::string, torch::Tensor> of;
  for (const auto& [name, parameter] : weights.parameters()) of[name] = parameter;
  const auto lm_head = of.find("lm_head.weight");
  const torch::Tensor head =
      lm_head != of.end() ? lm_head->second : of.at("model.embed_tokens.weight");
  const torch::Tensor ids = torch::tensor({5, 380, 5});
  for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
    const InferenceLm model = load(GetParam(), torch::kFloat32);
    const torch::Tensor u = model.unembedding(ids);
    EXPECT_TRUE(torch::equal(u, head.index_select(0, ids)));
    const torch::Tensor expected = u.mm(of.at("model.layers.2.self_attn.o_proj.weight"));
    EXPECT_LT(max_difference(model.project_onto_heads(u, 2).flatten(1), expected), 1e-5);
  }
}

TEST_P(Family, TrainingHasNoCacheGateOrProbe) {
  const CausalLm model = load_tiny(GetParam());
  AttentionProbe probe;
  PackedBatch batch = whole_sequences({{1, 2, 3}});
  batch.probe = &probe;
  EXPECT_THROW(static_cast<void>(model.forward(batch)), InternalError);
}

TEST_P(Family, SavedCheckpointLoadsTheSame) {
  const auto dir =
      std::filesystem::temp_directory_path() / ("retmask_save_" + std::string(GetParam()));
  std::filesystem::remove_all(dir);
  const Checkpoint source(testing::golden_dir() / "tiny" / GetParam());
  const CausalLm model = CausalLm::load(source, torch::kCPU, torch::kFloat32);
  save_model(model, source, dir, TensorType::float32);
  const CausalLm again = CausalLm::load(Checkpoint(dir), torch::kCPU, torch::kFloat32);
  const auto before = model.parameters();
  const auto after = again.parameters();
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(torch::equal(before[i].second, after[i].second)) << before[i].first;
  std::filesystem::remove_all(dir);
}

TEST(Recompute, GivesTheGradientsOfInputAndLeaves) {
  const torch::Tensor weight = torch::randn({5, 5}, torch::requires_grad());
  const torch::Tensor input = torch::randn({3, 5}, torch::requires_grad());
  const auto function = [weight](const torch::Tensor& x) {
    return torch::tanh(x.matmul(weight)).matmul(weight);
  };
  function(input).pow(2).sum().backward();
  const torch::Tensor expected_weight = weight.grad().clone();
  const torch::Tensor expected_input = input.grad().clone();
  weight.mutable_grad() = torch::Tensor();
  input.mutable_grad() = torch::Tensor();
  recompute_in_backward(function, input).pow(2).sum().backward();
  EXPECT_LT(max_difference(weight.grad(), expected_weight), 1e-5);
  EXPECT_LT(max_difference(input.grad(), expected_input), 1e-5);
}

}  // namespace
}  // namespace retmask
