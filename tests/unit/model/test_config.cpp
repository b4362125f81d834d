#include <gtest/gtest.h>

#include "retmask/base/error.h"
#include "retmask/model/config.h"
#include "unit/support/golden.h"

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
        BadConfig{"missing", R"({"vocab_size": null})", "\"vocab_size\" is missing"},
        BadConfig{"wrong_type", R"({"vocab_size": "many"})", "\"vocab_size\" has the wrong type"},
        BadConfig{"head_groups",
                  R"({"num_key_value_heads": 3})",
                  "not a multiple of num_key_value_heads 3"},
        BadConfig{"odd_head", R"({"head_dim": 7})", "head_dim 7 is odd"},
        BadConfig{"activation", R"({"hidden_act": "gelu"})", "hidden_act \"gelu\""},
        BadConfig{
            "rope", R"({"rope_parameters": {"rope_type": "longrope"}})", "rope_type \"longrope\""},
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

}  // namespace
}  // namespace retmask
