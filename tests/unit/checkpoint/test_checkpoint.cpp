#include "support.h"

namespace retmask {
namespace {

using testing::TempDir;
namespace fs = std::filesystem;

constexpr const char* kShard1 = "model-00001-of-00003.safetensors";
constexpr const char* kShard2 = "model-00002-of-00003.safetensors";

// A writable copy of the sharded golden checkpoint.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() { fs::copy(testing::golden_dir() / "checkpoint/sharded", model_); }

  void expect_open_error(const std::vector<std::string>& parts) {
    expect_user_error([&] { Checkpoint checkpoint(model_); }, parts);
  }
  void edit_json(const std::string& name, const std::function<void(Json&)>& edit) {
    Json json = read_json_file(model_ / name, "file");
    edit(json);
    write_json_file(model_ / name, json);
  }
  std::vector<TensorSpec> specs() const {
    std::vector<TensorSpec> all;
    const Checkpoint checkpoint(model_);
    for (const auto& [name, spec] : checkpoint.tensors()) all.push_back(spec);
    return all;
  }

  const TempDir dir_;
  const fs::path model_ = dir_ / "model";
};

TEST_F(CheckpointTest, OpensShardsOfTransformers) {
  const Checkpoint checkpoint(model_);
  EXPECT_EQ(checkpoint.tensors().size(), 21u);
  const TensorSpec& spec = checkpoint.tensors().at("model.layers.1.self_attn.o_proj.weight");
  EXPECT_EQ(spec.shape, (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(spec.type, TensorType::bfloat16);
  EXPECT_EQ(checkpoint.config()["model_type"], "llama");
  // RMSNorm weights start at 1, which is 0x3f80 in bfloat16.
  const auto norm = checkpoint.bytes("model.norm.weight");
  ASSERT_EQ(norm.size(), 16u);
  EXPECT_EQ(norm[0], std::byte{0x80});
  EXPECT_EQ(norm[1], std::byte{0x3f});
  EXPECT_THROW(checkpoint.bytes("none"), InternalError);
}

TEST_F(CheckpointTest, OpensASingleFile) {
  const Checkpoint checkpoint(testing::golden_dir() / "tiny/llama");
  EXPECT_TRUE(checkpoint.tensors().contains("model.norm.weight"));
}

TEST_F(CheckpointTest, EosOfGenerationConfigGoesFirst) {
  const auto eos = [&] { return Checkpoint(model_).eos_token_ids(); };
  EXPECT_EQ(eos(), std::vector<int64_t>{2});
  edit_json("generation_config.json", [](Json& json) {
    json["eos_token_id"] = {128001, 128008, 128009};
  });
  EXPECT_EQ(eos(), (std::vector<int64_t>{128001, 128008, 128009}));
  edit_json("generation_config.json", [](Json& json) { json["eos_token_id"] = 5; });
  EXPECT_EQ(eos(), std::vector<int64_t>{5});
  edit_json("config.json", [](Json& json) { json["eos_token_id"] = {7, 8}; });
  edit_json("generation_config.json", [](Json& json) { json.erase("eos_token_id"); });
  EXPECT_EQ(eos(), (std::vector<int64_t>{7, 8}));
  fs::remove(model_ / "generation_config.json");
  EXPECT_EQ(eos(), (std::vector<int64_t>{7, 8}));
  edit_json("config.json", [](Json& json) { json["eos_token_id"] = nullptr; });
  EXPECT_TRUE(eos().empty());
  edit_json("config.json", [](Json& json) { json["eos_token_id"] = "</s>"; });
  expect_open_error({"config.json", "\"eos_token_id\" has the wrong type"});
}

TEST_F(CheckpointTest, MissingParts) {
  expect_user_error([&] { Checkpoint checkpoint(dir_ / "none"); }, {"none", "does not exist"});
  expect_user_error([&] { Checkpoint checkpoint(model_ / "config.json"); },
                    {"is a file, expected a folder"});
  fs::remove(model_ / kShard2);
  expect_open_error({"model.safetensors.index.json", kShard2, "does not exist"});
  fs::remove(model_ / "model.safetensors.index.json");
  expect_open_error({"neither model.safetensors nor model.safetensors.index.json"});
  fs::remove(model_ / "config.json");
  expect_open_error({"model config", "config.json", "does not exist"});
}

TEST_F(CheckpointTest, BadJson) {
  testing::write_text(model_ / "model.safetensors.index.json", "{\"weight_map\": {");
  expect_open_error({"model.safetensors.index.json", "not valid JSON"});
  testing::write_text(model_ / "model.safetensors.index.json", "{}");
  expect_open_error({"\"weight_map\" is missing"});
  testing::write_text(model_ / "model.safetensors.index.json", R"({"weight_map": {}})");
  expect_open_error({"\"weight_map\" is empty"});
  testing::write_text(model_ / "model.safetensors.index.json", R"({"weight_map": {"a": 1}})");
  expect_open_error({"\"weight_map\" has the wrong type"});
  testing::write_text(model_ / "model.safetensors.index.json",
                      R"({"weight_map": {"a": "../a.safetensors"}})");
  expect_open_error({"../a.safetensors", "without a folder"});
  testing::write_text(model_ / "generation_config.json", "[]");
  expect_open_error({"generation_config.json", "not a JSON object"});
  testing::write_text(model_ / "config.json", "[]");
  expect_open_error({"config.json", "not a JSON object"});
  testing::write_text(model_ / "config.json", "{,}");
  expect_open_error({"config.json", "not valid JSON"});
}

TEST_F(CheckpointTest, IndexAndShardsMustAgree) {
  edit_json("model.safetensors.index.json",
            [](Json& json) { json["weight_map"]["extra"] = kShard1; });
  expect_open_error({kShard1, "\"extra\"", "does not"});
}

TEST_F(CheckpointTest, ATensorInTwoShards) {
  SafetensorsWriter writer(model_ / "twin.safetensors",
                           {{"model.norm.weight", TensorType::uint8, {1}}});
  writer.write(testing::some_bytes(1));
  writer.finish();
  edit_json("model.safetensors.index.json",
            [](Json& json) { json["weight_map"]["model.norm.weight"] = "twin.safetensors"; });
  expect_open_error(
      {"two shards", "\"model.norm.weight\"", "twin.safetensors", "model-00003-of-00003"});
}

TEST_F(CheckpointTest, TruncatedShard) {
  fs::resize_file(model_ / kShard1, fs::file_size(model_ / kShard1) - 1);
  expect_open_error({kShard1, "truncated"});
}

TEST_F(CheckpointTest, FingerprintSeesEveryKindOfChange) {
  const std::string original = Checkpoint(model_).fingerprint();
  EXPECT_EQ(original.size(), 64u);
  EXPECT_EQ(Checkpoint(testing::golden_dir() / "checkpoint/sharded").fingerprint(), original);

  // The last two columns of a matrix, as when masking a head.
  const Checkpoint checkpoint(testing::golden_dir() / "checkpoint/sharded");
  std::string changed;
  const auto write = [&](const TensorSpec& spec, const ByteSink& sink) {
    auto bytes = testing::to_bytes(checkpoint.bytes(spec.name));
    if (spec.name == changed) {
      const auto row = static_cast<size_t>(spec.shape[1]) * 2;
      for (size_t end = row; end <= bytes.size(); end += row) {
        std::fill_n(bytes.begin() + end - 4, 4, std::byte{0});
      }
    }
    sink(bytes);
  };
  const auto save = [&](const std::string& name) {
    changed = name;
    const fs::path copy = model_.parent_path() / "copy";
    fs::remove_all(copy);
    save_checkpoint(copy, model_, checkpoint.config(), specs(), write);
    return Checkpoint(copy).fingerprint();
  };
  const std::string copied = save("");
  EXPECT_NE(save("model.layers.1.self_attn.o_proj.weight"), copied);
  EXPECT_EQ(save(""), copied);
  const std::string before = Checkpoint(model_).fingerprint();
  edit_json("config.json", [](Json& json) { json["rope_theta"] = 1.0; });
  EXPECT_NE(Checkpoint(model_).fingerprint(), before);
}

TEST_F(CheckpointTest, OtherFilesHaveHashesOfTheirOwn) {
  const auto before = Checkpoint(model_).hash_other_files();
  EXPECT_FALSE(before.contains("config.json"));
  fs::create_directory(model_ / "additional_chat_templates");
  for (const char* name : {"tokenizer.json",
                           "tokenizer_config.json",
                           "generation_config.json",
                           "chat_template.jinja",
                           "additional_chat_templates/rag.jinja"}) {
    testing::write_text(model_ / name, "{}");
    const auto first = Checkpoint(model_).hash_other_files();
    testing::write_text(model_ / name, "{ }");
    const auto second = Checkpoint(model_).hash_other_files();
    ASSERT_TRUE(first.contains(name)) << name;
    EXPECT_NE(first.at(name), second.at(name)) << name;
  }
  testing::write_text(model_ / "README.md", "not looked at");
  EXPECT_FALSE(Checkpoint(model_).hash_other_files().contains("README.md"));
}

TEST_F(CheckpointTest, CheckTensorsAcceptsWhatFits) {
  const Checkpoint checkpoint(model_);
  auto expected = specs();
  EXPECT_NO_THROW(check_tensors(checkpoint, expected, {}));
  for (TensorSpec& spec : expected)
    spec.type = TensorType::float32;  // any floating type can be converted
  EXPECT_NO_THROW(check_tensors(checkpoint, expected, {}));
  EXPECT_NO_THROW(
      check_tensors(checkpoint, expected, {"model.layers.0.self_attn.rotary_emb.inv_freq"}));
  std::erase_if(expected, [](const TensorSpec& spec) { return spec.name == "lm_head.weight"; });
  EXPECT_NO_THROW(check_tensors(checkpoint, expected, {"lm_head.weight"}));
}

TEST_F(CheckpointTest, CheckTensorsListsEveryProblemInOneLine) {
  auto expected = specs();
  for (TensorSpec& spec : expected) {
    if (spec.name == "lm_head.weight") spec.shape = {16, 9};
    if (spec.name == "model.norm.weight") spec.name = "model.final_norm.weight";
    if (spec.name == "model.embed_tokens.weight") spec.type = TensorType::int32;
  }
  expected.push_back({"optional", TensorType::float32, {1}});
  expect_user_error([&] { check_tensors(Checkpoint(model_), expected, {"optional"}); },
                    {model_.string(),
                     "1 missing: model.final_norm.weight;",
                     "1 unexpected: model.norm.weight;",
                     "1 of the wrong shape: lm_head.weight is [16, 8], expected [16, 9];",
                     "1 of the wrong type: model.embed_tokens.weight is BF16"});
}

TEST_F(CheckpointTest, CheckTensorsShortensLongLists) {
  expect_user_error([&] { check_tensors(Checkpoint(model_), {}, {}); },
                    {"21 unexpected: lm_head.weight, ", "and 13 more"});
}

TEST_F(CheckpointTest, AnOptionalTensorMustStillHaveItsShape) {
  auto expected = specs();
  for (TensorSpec& spec : expected) {
    if (spec.name == "lm_head.weight") spec.shape = {16, 9};
  }
  expect_user_error([&] { check_tensors(Checkpoint(model_), expected, {"lm_head.weight"}); },
                    {"wrong shape"});
}

// An empty tensor, for testing additional names and types in a checkpoint.
TensorSpec extra(const std::string& name, std::vector<int64_t> shape = {1}) {
  return {name, TensorType::float32, std::move(shape)};
}

// A single-file checkpoint of `tensors`, all zeros.
void write_model(const fs::path& dir, const std::vector<TensorSpec>& tensors) {
  fs::create_directories(dir);
  testing::write_text(dir / "config.json", R"({"model_type": "llama"})");
  SafetensorsWriter writer(dir / "model.safetensors", tensors);
  for (const TensorSpec& spec : tensors) writer.write(std::vector<std::byte>(spec.num_bytes()));
  writer.finish();
}

TEST_F(CheckpointTest, BuffersThatSayNothingArePassedOver) {
  const std::vector<TensorSpec> buffers = {extra("rotary_emb.inv_freq"),
                                           extra("model.rotary_emb.inv_freq"),
                                           extra("model.rotary_emb.full_attention_inv_freq"),
                                           extra("model.layers.7.self_attn.rotary_emb.inv_freq"),
                                           extra("model.layers.0.self_attn.rotary_emb.cos_cached"),
                                           extra("model.layers.0.self_attn.masked_bias"),
                                           extra("model.layers.0.attn.bias", {1, 1, 4, 4}),
                                           extra("model.position_ids")};
  write_model(dir_ / "buffers", buffers);
  EXPECT_NO_THROW(check_tensors(Checkpoint(dir_ / "buffers"), {}, {}));
  write_model(dir_ / "bias", {extra("model.layers.0.attn.bias", {4})});
  expect_user_error([&] { check_tensors(Checkpoint(dir_ / "bias"), {}, {}); },
                    {"1 unexpected: model.layers.0.attn.bias"});
}

struct QuantizedConfig {
  const char* key;
  const char* value;
  const char* expected;
};

TEST_F(CheckpointTest, AQuantizedCheckpointIsNamed) {
  const QuantizedConfig cases[] = {
      {"quantization_config",
       R"({"quant_method": "bitsandbytes", "load_in_4bit": true})",
       "bitsandbytes, load_in_4bit"},
      {"quantization_config", R"({"quant_method": "gptq", "bits": 4})", "gptq, 4 bits"},
      {"quantization_config",
       R"({"quant_method": "compressed-tensors", "format": "pack-quantized"})",
       "compressed-tensors, pack-quantized"},
      {"compression_config", R"({"format": "int-quantized"})", "compression_config"},
      {"quantization", R"({"group_size": 64, "bits": 4})", "4 bits"},
  };
  for (const QuantizedConfig& test : cases) {
    const fs::path dir = dir_ / "quantized";
    write_model(dir, {extra("a")});
    testing::write_text(dir / "config.json",
                        std::string("{\"") + test.key + "\": " + test.value + "}");
    expect_user_error([&] { Checkpoint checkpoint(dir); },
                      {"quantized checkpoint", test.expected, "dequantize"});
  }
  testing::write_text(dir_ / "quantized" / "config.json", R"({"quantization_config": null})");
  EXPECT_NO_THROW(Checkpoint(dir_ / "quantized"));
  testing::write_text(dir_ / "quantized" / "quant_config.json", "{}");
  expect_user_error([&] { Checkpoint checkpoint(dir_ / "quantized"); }, {"quant_config.json"});
}

TEST_F(CheckpointTest, QuantizedTensorsAreNamedWithoutAConfig) {
  write_model(dir_ / "awq", {extra("model.layers.0.mlp.up_proj.qweight"), extra("b.qzeros")});
  expect_user_error([&] { check_tensors(Checkpoint(dir_ / "awq"), {}, {}); },
                    {"are quantized", "qzeros"});
  expect_user_error([] { tensor_type_from_name("F8_E4M3", "x.safetensors"); },
                    {"\"F8_E4M3\": a quantized checkpoint"});
}

TEST_F(CheckpointTest, OtherFormatsAreNamed) {
  const auto expect_open = [&](const fs::path& path, const std::vector<std::string>& parts) {
    expect_user_error([&] { Checkpoint checkpoint(path); }, parts);
  };
  testing::write_text(dir_ / "model.gguf", "GGUF");
  expect_open(dir_ / "model.gguf", {"is a GGUF file", "convert"});

  const fs::path other = dir_ / "other";
  fs::create_directories(other);
  testing::write_text(other / "training_args.bin", "x");
  expect_open(other, {"model config", "does not exist"});
  testing::write_text(other / "small-Q4_K_M.gguf", "GGUF");
  expect_open(other, {"holds a GGUF file (small-Q4_K_M.gguf)"});
  fs::remove(other / "small-Q4_K_M.gguf");

  testing::write_text(other / "config.json", R"({"model_type": "llama"})");
  expect_open(other, {"neither model.safetensors nor"});
  testing::write_text(other / "pytorch_model-00001-of-00002.bin", "x");
  expect_open(other, {"PyTorch .bin files (pytorch_model-00001-of-00002.bin)", "save_pretrained"});

  testing::write_text(model_ / "adapter_config.json", "{}");
  expect_open(model_, {"LoRA", "adapter_config.json", "merge_and_unload"});
}

}  // namespace
}  // namespace retmask
