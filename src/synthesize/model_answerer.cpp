#include "retmask/synthesize/model_answerer.h"

#include "retmask/base/error.h"

namespace retmask::synthesize {
namespace {

size_t size_in_memory(const GenerationRequest& request) {
  return sizeof request + request.prompt.size() * sizeof(int64_t) +
         request.stop_ids.size() * sizeof(int64_t) + request.masked_heads.size() * sizeof(Head);
}

}  // namespace

void DecodingOptions::validate() const {
  sampling.validate();
  if (max_new_tokens < 1)
    user_error("--max-new-tokens is ", max_new_tokens, ", expected at least 1");
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
}

struct ModelAnswerer::Window {
  std::vector<GenerationRequest> requests;
  std::vector<AnswerTask> tasks;     // of the requests
  std::vector<AnswerTask> too_long;  // need no generation
  size_t end = 0;                    // where the next window begins
};

ModelAnswerer::ModelAnswerer(const CausalLm& model,
                             const PromptEncoder& encoder,
                             const PolicyHeads& masked_heads,
                             std::vector<int64_t> stop_ids,
                             DecodingOptions options,
                             size_t window_bytes)
    : model_(model),
      encoder_(encoder),
      masked_heads_(masked_heads),
      stop_ids_(std::move(stop_ids)),
      options_(options),
      window_bytes_(window_bytes) {
  options_.validate();
}

void ModelAnswerer::answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) {
  Answer unanswerable;
  unanswerable.ending = Ending::prompt_too_long;
  Generator generator(model_, {.max_batch_size = options_.batch_size});
  for (size_t begin = 0; begin < tasks.size();) {
    const Window window = next_window(tasks, begin);
    for (const AnswerTask& task : window.too_long) on_answer(task, unanswerable);
    generator.run(window.requests, [&](size_t request, const GenerationResult& result) {
      on_answer(window.tasks[request], to_answer(result));
    });
    begin = window.end;
  }
}

ModelAnswerer::Window ModelAnswerer::next_window(const std::vector<AnswerTask>& tasks,
                                                 size_t begin) const {
  Window window;
  size_t bytes = 0;
  const Prompt* encoded = nullptr;
  std::vector<int64_t> prompt;
  for (window.end = begin; window.end < tasks.size() && bytes < window_bytes_; ++window.end) {
    const AnswerTask& task = tasks[window.end];
    if (task.prompt != encoded) {  // once for its policies and samples
      prompt = encoder_.encode(*task.prompt);
      encoded = task.prompt;
    }
    const auto positions = static_cast<int64_t>(prompt.size()) + options_.max_new_tokens;
    if (positions > model_.config().max_position_embeddings) {
      window.too_long.push_back(task);
      continue;
    }
    window.requests.push_back(request(task, prompt));
    window.tasks.push_back(task);
    bytes += size_in_memory(window.requests.back());
  }
  return window;
}

GenerationRequest ModelAnswerer::request(const AnswerTask& task,
                                         const std::vector<int64_t>& prompt) const {
  return {.prompt = prompt,
          .masked_heads = masked_heads_.at(task.policy),
          .sampling = options_.sampling,
          .random = RandomStream(options_.seed, task.name()),
          .max_new_tokens = options_.max_new_tokens,
          .stop_ids = stop_ids_};
}

Answer ModelAnswerer::to_answer(const GenerationResult& result) const {
  const bool stopped = result.reason == FinishReason::stop;
  std::vector<int64_t> tokens = result.tokens;
  if (stopped) tokens.pop_back();  // the stop token ends the answer; it is no part of its text
  return {.text = encoder_.decode(tokens),
          .tokens = static_cast<int64_t>(result.tokens.size()),
          .ending = stopped ? Ending::stop : Ending::length,
          .mean_logprob = result.sum_logprob / static_cast<double>(result.tokens.size())};
}

}  // namespace retmask::synthesize
