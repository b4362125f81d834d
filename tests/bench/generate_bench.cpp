// Tokens per second of generation, one line of JSON for each batch size.
//
//   generate_bench --model DIR [--batch-sizes 1,16,64] [--prompt-tokens 32] [--new-tokens 128]
//   [--dtype bfloat16]
//
// DIR may hold a config.json alone: the weights are then random, which costs the same time. Each
// row is the median of
// --runs runs after one warm-up; a token counts from the start of the prompts' prefill to the last
// answer's end.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>

#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/engine/generator.h"
#include "retmask/model/device.h"

namespace retmask {
namespace {

struct BenchOptions {
  std::filesystem::path model;
  std::vector<int64_t> batch_sizes{1, 16, 64};
  int64_t prompt_tokens = 32;
  int64_t new_tokens = 128;
  int64_t runs = 3;
  std::string device = "auto";
  std::string dtype = "auto";
  int64_t threads = 0;  // 0: all cores
};

CausalLm load(const BenchOptions& options) {
  const auto path = options.model / "config.json";
  const ModelConfig config = parse_model_config(read_json_file(path, "config"), path.string());
  const torch::Device device = parse_device(options.device);
  const torch::ScalarType dtype = parse_dtype(options.dtype, config.dtype);
  if (std::filesystem::exists(options.model / "model.safetensors") ||
      std::filesystem::exists(options.model / "model.safetensors.index.json")) {
    CausalLm model = CausalLm::load(Checkpoint(options.model), device, dtype);
    model.pack();
    return model;
  }
  CausalLm model = CausalLm::empty(config, device, dtype);
  const torch::NoGradGuard no_grad;
  for (auto& [name, parameter] : model.parameters()) {
    if (parameter.dim() == 1) {
      parameter.fill_(1);
    } else {
      parameter.normal_(0, 0.02);
    }
  }
  model.pack();
  return model;
}

double seconds_of_run(const CausalLm& model, const BenchOptions& options, int64_t batch_size) {
  std::vector<GenerationRequest> requests;
  for (int64_t i = 0; i < batch_size; ++i) {
    GenerationRequest request{.continuations = {{.random = RandomStream(1, std::to_string(i))}},
                              .sampling = {.temperature = 0.6},
                              .max_new_tokens = options.new_tokens};
    RandomStream prompt(2, std::to_string(i));
    for (int64_t t = 0; t < options.prompt_tokens; ++t) {
      request.prompt.push_back(
          static_cast<int64_t>(prompt.below(static_cast<uint64_t>(model.config().vocab_size))));
    }
    requests.push_back(std::move(request));
  }
  const auto start = std::chrono::steady_clock::now();
  Generator(model, {.max_batch_size = batch_size})
      .run(source_of(requests), [](size_t, size_t, const GenerationResult&) {});
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run(const BenchOptions& options) {
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  const CausalLm model = load(options);
  for (const int64_t batch_size : options.batch_sizes) {
    seconds_of_run(model, options, batch_size);
    std::vector<double> seconds;
    for (int64_t i = 0; i < options.runs; ++i)
      seconds.push_back(seconds_of_run(model, options, batch_size));
    std::sort(seconds.begin(), seconds.end());
    const double tokens = static_cast<double>(batch_size * options.new_tokens);
    const Json row = {{"bench", "generate"},
                      {"batch_size", batch_size},
                      {"prompt_tokens", options.prompt_tokens},
                      {"new_tokens", options.new_tokens},
                      {"device", model.device().str()},
                      {"dtype", torch::toString(model.dtype())},
                      {"tokens_per_second", tokens / seconds[seconds.size() / 2]}};
    std::cout << row.dump() << std::endl;
  }
}

}  // namespace
}  // namespace retmask

int main(int argc, char** argv) {
  retmask::BenchOptions options;
  CLI::App app("Tokens per second of generation");
  app.add_option("--model", options.model, "Checkpoint folder, or a folder with config.json alone")
      ->required();
  app.add_option("--batch-sizes", options.batch_sizes, "Sequences that run at once")
      ->delimiter(',');
  app.add_option("--prompt-tokens", options.prompt_tokens, "Tokens of each prompt");
  app.add_option("--new-tokens", options.new_tokens, "Tokens of each answer");
  app.add_option("--runs", options.runs, "Runs of which the median is printed");
  app.add_option("--device", options.device, "cpu, cuda or auto");
  app.add_option("--dtype", options.dtype, "float32, bfloat16 or auto");
  app.add_option("--threads", options.threads, "CPU threads; 0 = all cores");
  CLI11_PARSE(app, argc, argv);
  try {
    retmask::run(options);
  } catch (const std::exception& error) {
    std::cerr << "generate_bench: " << error.what() << "\n";
    return 1;
  }
}
