#pragma once
// A few steps of training on the tiny models and pairs32.jsonl, for tests of whole runs.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "retmask/train/train.h"

namespace retmask::train {

namespace fs = std::filesystem;

inline const fs::path kGolden = fs::path(RETMASK_GOLDEN_DIR);

inline std::vector<TrainingExample> golden_examples(LossKind loss) {
  const Json golden = read_json_file(kGolden / "dpo/tokens.json", "golden file");
  std::vector<TrainingExample> examples;
  for (const Json& row : golden.at("pairs32").at("tokens")) {
    examples.push_back({.where = "pairs32.jsonl:" + std::to_string(examples.size() + 1),
                        .prompt = row.at("prompt").get<TokenIds>(),
                        .chosen = row.at("chosen").get<TokenIds>(),
                        .rejected = row.at("rejected").get<TokenIds>()});
    if (loss == LossKind::sft) examples.back().rejected.clear();
  }
  return examples;
}

struct TinyRun {
  std::string family = "llama";
  torch::ScalarType dtype = torch::kFloat32;
  torch::Device device = torch::kCPU;
  std::vector<TrainingExample> examples = golden_examples(LossKind::dpo);
  std::vector<TrainingExample> held_out = {};
  StopPoll stop_asked = nullptr;

  Result operator()(const fs::path& out, const Options& options) const {
    fs::create_directories(out);
    const Checkpoint checkpoint(kGolden / "tiny" / family);
    // As run.json does for the program: the files that an earlier run has saved here.
    const fs::path own_files = out.string() + ".files.json";
    const SaveOptions save{
        .own_files = fs::exists(own_files) ? read_json_file(own_files, "files") : Json::array(),
        .announce = [=](const Json& files) { write_json_file(own_files, files); }};
    return run({.checkpoint = checkpoint,
                .model = CausalLm::without_weights(
                    checkpoint, read_model_config(checkpoint), device, dtype),
                .examples = examples,
                .out = out,
                .held_out = held_out,
                .stop_asked = stop_asked,
                .save = save},
               options);
  }
};

inline Options short_options() {
  Options options;
  options.global_batch_size = 4;
  options.max_steps = 6;
  options.learning_rate = 1e-3;
  options.min_learning_rate = 1e-4;
  options.micro_batch_tokens = 200;
  return options;
}

inline std::vector<Json> metrics_of(const fs::path& out) {
  return read_json_lines(out / "metrics.jsonl", "metrics");
}

// Values that must not depend on timing.
inline std::vector<Json> without_timing(std::vector<Json> rows) {
  for (Json& row : rows) {
    for (const char* key : {"tokens_per_second", "model_flops_utilization", "memory_bytes"}) {
      row.erase(key);
    }
  }
  return rows;
}

inline std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline std::string model_bytes(const fs::path& out) { return bytes_of(out / "model.safetensors"); }

}  // namespace retmask::train
