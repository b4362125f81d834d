#include <gtest/gtest.h>

#include <cstring>
#include <span>

#include "retmask/base/error.h"
#include "retmask/model/config.h"
#include "unit/support/golden.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

Json tiny_config(const std::string& family) {
  return read_json_file(testing::golden_dir() / "tiny" / family / "config.json", "config");
}

std::string error_of(const Json& config) {
  try {
    parse_model_config(config, "config.json");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(ModelConfig, ReadsWhatDiffersBetweenFamilies) {
  const ModelConfig llama = parse_model_config(tiny_config("llama"), "config.json");
  EXPECT_EQ(llama.qk_norm, QkNorm::none);
  EXPECT_TRUE(llama.tie_word_embeddings);
  EXPECT_EQ(llama.layers[0].rope.type, RopeType::llama3);

  const ModelConfig qwen3 = parse_model_config(tiny_config("qwen3"), "config.json");
  EXPECT_EQ(qwen3.qk_norm, QkNorm::per_head);
  EXPECT_EQ(qwen3.head_dim, 16);

  const ModelConfig olmo3 = parse_model_config(tiny_config("olmo3"), "config.json");
  EXPECT_EQ(olmo3.qk_norm, QkNorm::full_width);
  EXPECT_EQ(olmo3.norm_placement, NormPlacement::post);
  EXPECT_EQ(olmo3.layers[0].sliding_window, 32);
  EXPECT_EQ(olmo3.layers[0].rope.type, RopeType::standard);
  EXPECT_FALSE(olmo3.layers[3].sliding_window.has_value());
  EXPECT_EQ(olmo3.layers[3].rope.type, RopeType::yarn);
}

struct BadConfig {
  const char* what;
  const char* patch;     // merged into the tiny Llama's config
  const char* expected;  // part of the message
};

void PrintTo(const BadConfig& test, std::ostream* out) { *out << test.what; }

class BadModelConfig : public ::testing::TestWithParam<BadConfig> {};
INSTANTIATE_TEST_SUITE_P(
    ModelConfig,
    BadModelConfig,
    ::testing::Values(
        BadConfig{"unknown_family", R"({"model_type": "gpt9"})", "known: llama, qwen3, olmo3"},
        BadConfig{"zero_size", R"({"hidden_size": 0})", "\"hidden_size\" is 0"},
        BadConfig{"huge_size", R"({"vocab_size": 99999999999})", "\"vocab_size\" is 99999999999"},
        BadConfig{"missing", R"({"model_type": null})", "\"model_type\" is missing"},
        BadConfig{"wrong_type", R"({"vocab_size": "many"})", "\"vocab_size\" has the wrong type"},
        BadConfig{"head_groups",
                  R"({"num_key_value_heads": 3})",
                  "not a multiple of num_key_value_heads 3"},
        BadConfig{"odd_head", R"({"head_dim": 7})", "head_dim 7 is odd"},
        BadConfig{"activation", R"({"hidden_act": "gelu"})", "hidden_act \"gelu\""},
        BadConfig{
            "rope", R"({"rope_parameters": {"rope_type": "longrope"}})", "rope_type \"longrope\""},
        BadConfig{"rope_scaling_type",
                  R"({"rope_scaling": {"type": "su", "factor": 2.0}})",
                  "rope_scaling: rope_type \"su\" is not supported; known: default, linear"},
        BadConfig{"rope_list", R"({"rope_scaling": [1]})", "\"rope_scaling\" is [1]"},
        BadConfig{"rope_text", R"({"rope_parameters": "yarn"})", "\"rope_parameters\" is \"yarn\""},
        BadConfig{"rope_key", R"({"rope_parameters": {"alpha": 1000.0}})", "unknown key \"alpha\""},
        BadConfig{"rope_layers",
                  R"({"rope_parameters": {"full_attention": {"rope_type": "default"}}})",
                  "a llama has one RoPE for all layers"},
        BadConfig{"rope_factor",
                  R"({"rope_scaling": {"rope_type": "linear"}})",
                  "rope_scaling: \"factor\" is missing"},
        BadConfig{"rope_factor_zero",
                  R"({"rope_scaling": {"rope_type": "dynamic", "factor": 0}})",
                  "\"factor\" is 0, expected a positive number"},
        BadConfig{"partial_rotary", R"({"partial_rotary_factor": 0.5})", "partial_rotary_factor"},
        BadConfig{"clip", R"({"clip_qkv": 8.0})", "\"clip_qkv\" is 8.0, which is not supported"},
        BadConfig{"logits", R"({"logits_scaling": 8})", "expected 1.0 or null"},
        BadConfig{"window", R"({"sliding_window": 512})", "a llama has none"},
        BadConfig{"layer_types",
                  R"({"layer_types": ["full_attention", "chunked_attention", "full_attention",
                                      "full_attention"]})",
                  "layer_types has \"chunked_attention\""},
        BadConfig{"dtype", R"({"dtype": "int8"})", "dtype \"int8\""}),
    [](const auto& test) { return std::string(test.param.what); });

TEST_P(BadModelConfig, IsOneClearLine) {
  Json config = tiny_config("llama");
  config.merge_patch(Json::parse(GetParam().patch));
  const std::string message = error_of(config);
  EXPECT_NE(message.find("config.json"), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().expected), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(ModelConfig, ExpectedTensorsAreThoseOfTheCheckpoint) {
  for (const char* family : {"llama", "qwen3", "olmo3"}) {
    const Checkpoint checkpoint(testing::golden_dir() / "tiny" / family);
    const auto expected = expected_tensors(parse_model_config(checkpoint.config(), "config.json"));
    EXPECT_EQ(expected.size(), checkpoint.tensors().size()) << family;
    for (const TensorSpec& spec : expected) {
      ASSERT_TRUE(checkpoint.tensors().contains(spec.name)) << family << " " << spec.name;
      EXPECT_EQ(checkpoint.tensors().at(spec.name).shape, spec.shape) << family << " " << spec.name;
    }
  }
}

ModelConfig with(const char* family, const char* patch) {
  Json config = tiny_config(family);
  config.merge_patch(Json::parse(patch));
  return parse_model_config(config, "config.json");
}

// Merge patches delete a key whose value is null.
ModelConfig with_null(const char* family, const char* key) {
  Json config = tiny_config(family);
  config[key] = nullptr;
  return parse_model_config(config, "config.json");
}

// In transformers a null key and a missing key have different meanings.
TEST(ModelConfig, NullIsNotAlwaysMissing) {
  EXPECT_EQ(with_null("llama", "head_dim").head_dim, 8);
  EXPECT_EQ(with_null("qwen3", "num_key_value_heads").num_key_value_heads, 4);
  EXPECT_THROW(with_null("qwen3", "head_dim"), UserError);
  EXPECT_THROW(with("qwen3", R"({"num_key_value_heads": null})"), UserError);  // means 32
}

TEST(ModelConfig, RopeScalingWinsOverRopeParameters) {
  const ModelConfig config = with("qwen3", R"({
      "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
      "rope_scaling": {"rope_type": "yarn", "factor": 4.0,
                       "original_max_position_embeddings": 64}})");
  EXPECT_EQ(config.layers[0].rope.type, RopeType::yarn);
  EXPECT_EQ(config.layers[0].rope.rope_theta, 10000.0);  // the default, not the other object's
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("rope_scaling wins over rope_parameters"), std::string::npos);
}

TEST(ModelConfig, OriginalLengthAtTheTopWinsButInOlmo3) {
  const char* patch = R"({"original_max_position_embeddings": 40, "rope_parameters": null,
      "rope_scaling": {"rope_type": "yarn", "factor": 4.0,
                       "original_max_position_embeddings": 64}})";
  EXPECT_EQ(with("llama", patch).layers[0].rope.original_max_position_embeddings, 40);
  EXPECT_EQ(with("olmo3", patch).layers[3].rope.original_max_position_embeddings, 64);
}

TEST(ModelConfig, Olmo3MergesRopeScalingIntoItsFullLayers) {
  const ModelConfig config = with("olmo3", R"({"rope_scaling": {"factor": 16.0}})");
  EXPECT_EQ(config.layers[3].rope.type, RopeType::yarn);
  EXPECT_EQ(config.layers[3].rope.factor, 16.0);
  EXPECT_EQ(config.layers[0].rope.type, RopeType::standard);
}

TEST(ModelConfig, Olmo3ThetaAtTheTopIsTheFullLayersAlone) {
  const ModelConfig config = with("olmo3", R"({"rope_parameters": null, "rope_theta": 3000.0})");
  EXPECT_EQ(config.layers[3].rope.rope_theta, 3000.0);
  EXPECT_EQ(config.layers[0].rope.rope_theta, 500000.0);
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("sliding_attention layers use 500000"), std::string::npos);
}

TEST(ModelConfig, KeysWithoutEffectAreSaid) {
  const ModelConfig config = with("llama", R"({"rope_parameters": null,
      "rope_scaling": {"rope_type": "linear", "type": "yarn", "factor": 2.0, "beta_fast": 4.0}})");
  ASSERT_EQ(config.warnings.size(), 2u);
  EXPECT_NE(config.warnings[0].find("rope_type \"linear\" wins over type \"yarn\""),
            std::string::npos);
  EXPECT_NE(config.warnings[1].find("does not use beta_fast"), std::string::npos);
}

int64_t positions(const char* family, const char* rope_scaling, int64_t max_position_embeddings) {
  Json config = tiny_config(family);
  config.erase("rope_parameters");
  config["rope_scaling"] = Json::parse(rope_scaling);
  config["max_position_embeddings"] = max_position_embeddings;
  return parse_model_config(config, "config.json").max_positions;
}

// The longest sequence as vLLM derives it, but never below max_position_embeddings.
TEST(ModelConfig, PositionsFollowTheRopeScaling) {
  const char* qwen3_recipe = R"({"rope_type": "yarn", "factor": 4.0,
                                 "original_max_position_embeddings": 32768})";
  EXPECT_EQ(positions("qwen3", qwen3_recipe, 40960), 131072);
  EXPECT_EQ(positions("qwen3", R"({"rope_type": "yarn", "factor": 4.0})", 32768), 131072);
  // A recipe that stretches to less than the model's own maximum.
  EXPECT_EQ(positions("qwen3",
                      R"({"rope_type": "yarn", "factor": 4.0,
                          "original_max_position_embeddings": 64})",
                      2048),
            2048);
  const char* llama3 = R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                           "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})";
  EXPECT_EQ(positions("llama", llama3, 131072), 131072);
  EXPECT_EQ(positions("llama", R"({"type": "linear", "factor": 2.5})", 4096), 10240);
  EXPECT_EQ(positions("llama", R"({"type": "dynamic", "factor": 2.0})", 4096), 8192);
  EXPECT_EQ(positions("llama", "null", 4096), 4096);
  EXPECT_EQ(positions("olmo3",
                      R"({"rope_type": "yarn", "factor": 8.0,
                          "original_max_position_embeddings": 8192})",
                      65536),
            65536);
}

TEST(ModelConfig, MaxPositionOverridesTheLimit) {
  ModelConfig config = parse_model_config(tiny_config("llama"), "config.json");
  limit_positions(config, 0);
  EXPECT_EQ(config.max_positions, 2048);
  ::testing::internal::CaptureStderr();
  limit_positions(config, 5000);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("5000 instead of the 2048"),
            std::string::npos);
  EXPECT_EQ(config.max_positions, 5000);
  EXPECT_THROW(limit_positions(config, -1), UserError);
}

TEST(ModelConfig, SlidingLayersNeedTheirWindow) {
  EXPECT_THROW(with("qwen3",
                    R"({"use_sliding_window": false,
                        "layer_types": ["sliding_attention", "full_attention", "full_attention",
                                        "full_attention"]})"),
               UserError);
  const ModelConfig olmo3 = with("olmo3", R"({"sliding_window": null})");  // the key is missing
  EXPECT_EQ(olmo3.layers[0].sliding_window, 4096);
  EXPECT_THROW(with_null("olmo3", "sliding_window"), UserError);
}

// The tiny Llama, which has tied embeddings, with a head that is `factor` times the embedding.
Checkpoint with_head(const testing::TempDir& dir, float factor) {
  const Checkpoint tied(testing::golden_dir() / "tiny" / "llama");
  std::vector<TensorSpec> specs;
  for (const auto& [name, spec] : tied.tensors()) specs.push_back(spec);
  TensorSpec head = tied.tensors().at("model.embed_tokens.weight");
  head.name = "lm_head.weight";
  specs.push_back(head);
  save_checkpoint(dir.path(),
                  tied.dir(),
                  tied.config(),
                  specs,
                  [&](const TensorSpec& spec, const ByteSink& sink) {
                    if (spec.name != head.name) return sink(tied.bytes(spec.name));
                    const auto bytes = tied.bytes("model.embed_tokens.weight");
                    std::vector<float> values(bytes.size() / sizeof(float));
                    std::memcpy(values.data(), bytes.data(), bytes.size());
                    for (float& value : values) value *= factor;
                    sink(std::as_bytes(std::span(values)));
                  });
  return Checkpoint(dir.path());
}

TEST(ModelConfig, ACopyOfTiedEmbeddingsIsNoHead) {
  const testing::TempDir dir;
  const Checkpoint checkpoint = with_head(dir, 1.0f);
  const ModelConfig config = read_model_config(checkpoint);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_NO_THROW(
      check_tensors(checkpoint, expected_tensors(config), optional_tensor_names(config)));
}

// As in transformers, which does not tie weights that differ.
TEST(ModelConfig, AnotherHeadIsUsedAndSaved) {
  const testing::TempDir dir;
  const Checkpoint checkpoint = with_head(dir, 3.0f);
  ::testing::internal::CaptureStderr();
  const CausalLm model = CausalLm::load(checkpoint, torch::kCPU, torch::kFloat32);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("separate lm_head.weight, which is used"),
            std::string::npos);
  const torch::NoGradGuard no_grad;
  const CausalLm tied = testing::load_tiny("llama");
  const torch::Tensor hidden = torch::randn({2, 32});
  EXPECT_LT(testing::max_difference(model.logits(hidden), 3 * tied.logits(hidden)), 1e-4);

  const testing::TempDir saved;
  save_model(model, checkpoint, saved.path(), TensorType::float32);
  EXPECT_TRUE(Checkpoint(saved.path()).tensors().contains("lm_head.weight"));
  EXPECT_EQ(Checkpoint(saved.path()).config()["tie_word_embeddings"], false);
}

}  // namespace
}  // namespace retmask
