#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "masked_checkpoint.h"
#include "retmask/base/file.h"
#include "retmask/mask/mask.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/files.h"
#include "unit/support/temp_dir.h"

namespace retmask::mask {
namespace {

using testing::TempDir;
namespace fs = std::filesystem;

// A checkpoint without a single zero byte, with biases, whose head_dim is not hidden_size / heads.
Json small_config(const std::string& dtype) {
  return {{"model_type", "llama"},
          {"vocab_size", 5},
          {"hidden_size", 6},
          {"intermediate_size", 3},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 2},
          {"max_position_embeddings", 16},
          {"attention_bias", true},
          {"tie_word_embeddings", true},
          {"dtype", dtype}};
}

void write_model(const fs::path& dir, const Json& config) {
  fs::create_directories(dir);
  std::vector<TensorSpec> specs = expected_tensors(parse_model_config(config, "config.json"));
  specs.push_back({"lm_head.weight", specs[0].type, {5, 6}});  // a copy of tied embeddings
  save_checkpoint(dir, dir, config, specs, [](const TensorSpec& spec, const ByteSink& sink) {
    sink(std::vector<std::byte>(spec.num_bytes(), std::byte{0x3f}));
  });
}

// The tensor as rows of flags: true where any byte is not zero.
std::vector<std::vector<bool>> non_zero(const Checkpoint& checkpoint, const std::string& name) {
  const TensorSpec& spec = checkpoint.tensors().at(name);
  const auto bytes = checkpoint.bytes(name);
  const size_t size = element_size(spec.type);
  const auto columns = static_cast<size_t>(spec.shape.back());
  std::vector<std::vector<bool>> rows(bytes.size() / size / columns, std::vector<bool>(columns));
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != std::byte{0}) rows[i / size / columns][i / size % columns] = true;
  }
  return rows;
}

class MaskTest : public ::testing::Test {
 protected:
  MaskTest() {
    write_model(model_, small_config("bfloat16"));
    testing::write_text(scores_,
                        R"({"0-0": [0, 0], "0-1": [0.5, 0.25], "0-2": [0, 0], "0-3": [0, 0],
                            "1-0": [0, 0], "1-1": [0, 0], "1-2": [0, 0.5], "1-3": [1, 1]})");
  }
  Result run(const Options& options) const { return mask::run(Checkpoint(model_), options, out_); }

  const TempDir dir_;
  const fs::path model_ = dir_ / "model";
  const fs::path scores_ = dir_ / "head_scores.json";
  const fs::path out_ = dir_ / "out";
};

TEST_F(MaskTest, ZeroesTheColumnsOfTheHeadsAndNothingElse) {
  for (const std::string dtype : {"bfloat16", "float16", "float32"}) {
    fs::remove_all(model_);
    fs::remove_all(out_);
    write_model(model_, small_config(dtype));
    run({.select = {.heads = {"1-0", "1-3"}}});
    const Checkpoint before(model_);
    const Checkpoint after(out_);
    const std::string masked = "model.layers.1.self_attn.o_proj.weight";
    for (const auto& row : non_zero(after, masked)) {
      EXPECT_EQ(row, (std::vector<bool>{false, false, true, true, true, true, false, false}));
    }
    ASSERT_EQ(after.tensors().size(), before.tensors().size());
    for (const auto& [name, spec] : before.tensors()) {
      EXPECT_EQ(after.tensors().at(name).type, spec.type);
      EXPECT_EQ(after.tensors().at(name).shape, spec.shape);
      const bool same = std::ranges::equal(after.bytes(name), before.bytes(name));
      EXPECT_EQ(same, name != masked) << name;
    }
    EXPECT_EQ(after.config(), before.config());
  }
}

TEST_F(MaskTest, ResultAndMaskFileSayWhatWasDone) {
  const Result result = run({.scores = scores_, .select = {.top_k = 2}});
  EXPECT_EQ(result.heads, (std::vector<Head>{{0, 1}, {1, 3}}));
  EXPECT_EQ(result.num_model_heads, 8);
  EXPECT_DOUBLE_EQ(result.mean_scores().value().at({0, 1}), 0.375);
  const Json spec = read_json_file(out_ / "mask.json", "mask file");
  EXPECT_EQ(spec,
            (Json{{"heads", {{0, 1}, {1, 3}}},
                  {"mode", "zero"},
                  {"select", "retrieval"},
                  {"top_k", 2},
                  {"model", {{"num_hidden_layers", 2}, {"num_attention_heads", 4}}},
                  {"mean_scores", {0.375, 1.0}},
                  {"num_samples", 2},
                  {"scores_sha256", sha256_file(scores_)},
                  {"scores_form", "head_scores"}}));
  const ModelConfig config = parse_model_config(Checkpoint(out_).config(), "config.json");
  EXPECT_EQ(read_mask_file(out_ / "mask.json", config), result.heads);
}

TEST_F(MaskTest, SpecOnlyWritesTheMaskFileAlone) {
  run({.scores = scores_,
       .select = {.threshold = 0.25, .selection = Selection::non_retrieval, .seed = 7},
       .spec_only = true});
  EXPECT_EQ(testing::file_names(out_), std::vector<std::string>{"mask.json"});
  const Json spec = read_json_file(out_ / "mask.json", "mask file");
  EXPECT_EQ(spec["select"], "non-retrieval");
  EXPECT_EQ(spec["threshold"], 0.25);
  EXPECT_EQ(spec["seed"], 7);
  EXPECT_EQ(spec["heads"].size(), 3u);
}

TEST_F(MaskTest, ExplicitHeadsWithoutScores) {
  run({.select = {.heads = {"1-3", "0-0"}}, .spec_only = true});
  EXPECT_EQ(read_json_file(out_ / "mask.json", "mask file"),
            (Json{{"heads", {{0, 0}, {1, 3}}},
                  {"mode", "zero"},
                  {"select", "retrieval"},
                  {"explicit_heads", {"1-3", "0-0"}},
                  {"model", {{"num_hidden_layers", 2}, {"num_attention_heads", 4}}}}));
}

float value_of(std::span<const std::byte> bytes, TensorType type, size_t index) {
  const size_t size = element_size(type);
  uint32_t bits = 0;
  std::memcpy(&bits, bytes.data() + index * size, size);
  return std::bit_cast<float>(type == TensorType::bfloat16 ? bits << 16 : bits);
}

// b' = b + W_o[:, columns] mean: each weight and bias is the same number.
TEST_F(MaskTest, MeansBecomeABiasOfTheOutputProjection) {
  for (const std::string dtype : {"bfloat16", "float32"}) {
    for (const bool has_biases : {true, false}) {
      SCOPED_TRACE(dtype + (has_biases ? " with" : " without") + " biases");
      fs::remove_all(model_);
      fs::remove_all(out_);
      Json config = small_config(dtype);
      config["attention_bias"] = has_biases;
      write_model(model_, config);
      const Json text = {{"source", nullptr}};
      const auto measure = [](const std::vector<Head>& heads) {
        EXPECT_EQ(heads, (std::vector<Head>{{1, 0}, {1, 3}}));
        return HeadMask(heads, {{1.5F, -3.0F}, {0.25F, 8.0F}});
      };
      const Result result =
          run({.select = {.heads = {"1-3", "1-0"}}, .mean = {.measure = measure, .text = text}});
      const Json spec = read_json_file(out_ / "mask.json", "mask file");
      EXPECT_EQ(spec["mode"], "mean");
      EXPECT_EQ(spec["mean_text"], text);
      EXPECT_EQ(spec["means"], (Json{{1.5, -3.0}, {0.25, 8.0}}));

      const Checkpoint before(model_);
      const Checkpoint after(out_);
      config["attention_bias"] = true;
      EXPECT_EQ(after.config(), config);
      const ModelConfig found = read_model_config(after);
      EXPECT_NO_THROW(check_tensors(after, expected_tensors(found), optional_tensor_names(found)));
      EXPECT_EQ(read_mask_file(out_ / "mask.json", found), result.heads);
      const TensorType type = found.dtype;
      const std::string masked = "model.layers.1.self_attn.o_proj.";
      const auto bias = after.bytes(masked + "bias");
      const float weight = value_of(before.bytes(masked + "weight"), type, 0);
      const float expected = 6.75F * weight + (has_biases ? weight : 0.0F);
      for (size_t i = 0; i < 6; ++i)
        EXPECT_NEAR(value_of(bias, type, i), expected, dtype == "float32" ? 1e-5 : 0.02);
      for (const auto& row : non_zero(after, masked + "weight"))
        EXPECT_EQ(row, (std::vector<bool>{false, false, true, true, true, true, false, false}));
      for (const auto& [name, tensor] : after.tensors()) {
        if (name.starts_with(masked)) continue;
        if (!before.tensors().contains(name)) {
          EXPECT_TRUE(name.ends_with("_proj.bias")) << name;
          EXPECT_EQ(tensor.type, type);
          EXPECT_TRUE(std::ranges::all_of(after.bytes(name),
                                          [](std::byte b) { return b == std::byte{0}; }));
        } else {
          EXPECT_TRUE(std::ranges::equal(after.bytes(name), before.bytes(name))) << name;
        }
      }
    }
  }
}

TEST_F(MaskTest, WritesShards) {
  run({.select = {.heads = {"0-0"}}, .save = {.max_shard_bytes = 200}});
  EXPECT_TRUE(fs::exists(out_ / "model.safetensors.index.json"));
  EXPECT_FALSE(non_zero(Checkpoint(out_), "model.layers.0.self_attn.o_proj.weight")[5][1]);
}

TEST_F(MaskTest, TheModelStaysAsItIs) {
  const auto run_into_model = [&] {
    mask::run(Checkpoint(model_), {.select = {.heads = {"0-0"}}}, dir_ / "out/../model");
  };
  fs::create_directory(out_);
  expect_user_error(run_into_model, {"output folder", "the model's own folder"});
  fs::create_directory_symlink(model_, dir_ / "link");
  expect_user_error([&] { check_separate(model_, dir_ / "link"); }, {"the model's own folder"});
  EXPECT_NO_THROW(check_separate(model_, dir_ / "none"));
  EXPECT_FALSE(fs::exists(model_ / "mask.json"));
}

TEST_F(MaskTest, BadInputWritesNothing) {
  const auto expect_error = [&](const Options& options, const std::vector<std::string>& parts) {
    expect_user_error([&] { run(options); }, parts);
    EXPECT_FALSE(fs::exists(out_));
  };
  expect_error({.scores = scores_}, {"exactly one"});
  expect_error({.select = {.top_k = 1}}, {"--scores is required"});
  expect_error({.scores = dir_ / "none", .select = {.top_k = 1}}, {"none", "does not exist"});
  expect_error({.scores = scores_, .select = {.top_k = 9}}, {"--top-k is 9"});
  expect_error({.select = {.heads = {"2-0"}}}, {"no head 2-0"});
  expect_error({.select = {.heads = {"0-0"}}, .save = {.max_shard_bytes = 0}}, {"shard size"});

  Json config = small_config("bfloat16");
  config["head_dim"] = 4;
  write_json_file(model_ / "config.json", config);
  expect_error({.select = {.heads = {"0-0"}}},
               {"wrong shape", "o_proj.weight is [6, 8], expected [6, 16]"});
}

TEST_F(MaskTest, UnwritableOutput) {
  testing::write_text(dir_ / "file", "");
  const Options options{.select = {.heads = {"0-0"}}};
  expect_user_error([&] { mask::run(Checkpoint(model_), options, dir_ / "file/out"); },
                    {"output folder", "file/out"});
  fs::create_directory(out_);
  testing::write_text(out_ / "run.json", "{}");
  const testing::FileSizeLimit limit(600);  // a full disk
  expect_storage_error([&] { run(options); }, {"cannot write", "File too large"});
  EXPECT_EQ(testing::file_names(out_), std::vector<std::string>{"run.json"});
}

}  // namespace
}  // namespace retmask::mask
