// Prints model results for comparison with another implementation. Reads one JSON object from
// stdin:
//   {"model": folder, "dtype": "float32", "device": "cpu", "sequences": [[ids...], ...],
//    "logits": file, "max_new_tokens": 0, "masked_heads": [[layer, head], ...], "stop_ids": []}
// With `logits` all logits of all sequences are written to that file as raw float32. With
// max_new_tokens the greedy answers are written to stdout, one JSON list per line.

#include <cstdio>
#include <iostream>
#include <iterator>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/json.h"
#include "retmask/engine/generator.h"
#include "retmask/model/device.h"

namespace retmask {
namespace {

void write_logits(const InferenceLm& model,
                  const std::vector<std::vector<int64_t>>& sequences,
                  const std::string& path) {
  const torch::NoGradGuard no_grad;
  std::string bytes;
  for (const auto& sequence : sequences) {
    PackedBatch batch;
    batch.token_ids = torch::tensor(sequence, torch::kInt64).to(model.device());
    batch.lengths = {static_cast<int64_t>(sequence.size())};
    const torch::Tensor logits =
        model.logits(model.forward(batch)).to(torch::kCPU, torch::kFloat32).contiguous();
    bytes.append(static_cast<const char*>(logits.const_data_ptr()), logits.nbytes());
  }
  write_file_atomic(path, bytes);
}

void write_answers(const InferenceLm& model,
                   const std::vector<std::vector<int64_t>>& sequences,
                   const Json& request) {
  std::vector<Head> masked;
  for (const Json& head : request.value("masked_heads", Json::array()))
    masked.push_back({head[0], head[1]});
  std::vector<GenerationRequest> requests;
  for (const auto& sequence : sequences) {
    requests.push_back({.prompt = sequence,
                        .continuations = {{.masked_heads = masked}},
                        .max_new_tokens = request.at("max_new_tokens"),
                        .stop_ids = request.value("stop_ids", std::vector<int64_t>())});
  }
  std::vector<std::vector<int64_t>> answers(sequences.size());
  Generator(model, {}).run(source_of(requests),
                           [&](size_t index, size_t, const GenerationResult& result) {
                             answers[index] = result.tokens;
                           });
  for (const auto& answer : answers) std::cout << Json(answer).dump() << "\n";
}

void run() {
  const Json request =
      parse_json({std::string(std::istreambuf_iterator<char>(std::cin), {})}, "standard input");
  const Checkpoint checkpoint(request.at("model").get<std::string>());
  const ModelConfig config = parse_model_config(checkpoint.config(), "config.json");
  const InferenceLm model(
      CausalLm::load(checkpoint,
                     parse_device(request.value("device", "cpu")),
                     parse_dtype(request.value("dtype", "float32"), config.dtype)));
  const auto sequences = request.at("sequences").get<std::vector<std::vector<int64_t>>>();
  if (request.contains("logits")) write_logits(model, sequences, request["logits"]);
  if (request.value("max_new_tokens", 0) > 0) write_answers(model, sequences, request);
}

}  // namespace
}  // namespace retmask

int main() {
  try {
    retmask::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "forward_tool: %s\n", error.what());
    return 1;
  }
}
