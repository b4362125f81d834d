// Writes a checkpoint with random weights, so that the program's commands run on a shape of which
// no trained weights are at hand.
//
//   random_checkpoint --shape DIR --tokenizer DIR --out DIR [--dtype bfloat16] [--seed 0]
//
// --shape holds the config.json. The tokenizer, chat template and generation config are copied from
// --tokenizer and may have fewer tokens than the config's vocabulary, but not more.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "random_weights.h"
#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/device.h"

namespace retmask {
namespace {

struct CheckpointOptions {
  std::filesystem::path shape;
  std::filesystem::path tokenizer;
  std::filesystem::path out;
  std::string dtype = "auto";
  uint64_t seed = 0;
};

void write(const CheckpointOptions& options) {
  const ModelConfig config = bench::read_shape(options.shape);
  const torch::ScalarType dtype = parse_dtype(options.dtype, config.dtype);
  std::vector<TensorSpec> specs = expected_tensors(config);
  for (TensorSpec& spec : specs) spec.type = from_torch(dtype);
  torch::manual_seed(options.seed);
  const auto write_tensor = [&](const TensorSpec& spec, const ByteSink& sink) {
    torch::Tensor weights = torch::empty(spec.shape);  // float32: its generator is vectorized
    bench::fill_with_random_weights(spec.name, weights);
    weights = weights.to(dtype);
    sink({static_cast<const std::byte*>(weights.const_data_ptr()), spec.num_bytes()});
  };
  Json json = read_json_file(options.shape / "config.json", "config");
  json["dtype"] = dtype == torch::kFloat32 ? "float32" : "bfloat16";
  std::filesystem::create_directories(options.out);
  save_checkpoint(options.out, options.tokenizer, json, specs, write_tensor);
}

}  // namespace
}  // namespace retmask

int main(int argc, char** argv) {
  retmask::CheckpointOptions options;
  CLI::App app("Writes a checkpoint with random weights");
  app.add_option("--shape", options.shape, "Folder with the config.json")->required();
  app.add_option("--tokenizer", options.tokenizer, "Checkpoint folder to copy the tokenizer from")
      ->required();
  app.add_option("--out", options.out, "Folder of the new checkpoint")->required();
  app.add_option("--dtype", options.dtype, "float32, bfloat16 or auto (config.json's)");
  app.add_option("--seed", options.seed, "Random seed");
  CLI11_PARSE(app, argc, argv);
  try {
    retmask::write(options);
  } catch (const retmask::UserError& error) {
    std::cerr << "random_checkpoint: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "random_checkpoint: " << error.what() << "\n";
    return 1;
  }
}
