#include "retmask/synthesize/model_answerer.h"

#include "retmask/base/error.h"

namespace retmask::synthesize {
void DecodingOptions::validate() const {
  sampling.validate();
  if (max_new_tokens < 1)
    user_error("--max-new-tokens is ", max_new_tokens, ", expected at least 1");
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
  if (kv_cache_mib < 0)
    user_error("--kv-cache-mib is ", kv_cache_mib, ", expected 0 (automatic) or more");
}

ModelAnswerer::ModelAnswerer(const CausalLm& model,
                             const PromptEncoder& encoder,
                             const PolicyHeads& masked_heads,
                             std::vector<int64_t> stop_ids,
                             DecodingOptions options)
    : model_(model),
      encoder_(encoder),
      masked_heads_(masked_heads),
      stop_ids_(std::move(stop_ids)),
      options_(options) {
  options_.validate();
}

void ModelAnswerer::answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) {
  constexpr int64_t kMebibyte = int64_t{1} << 20;
  std::vector<size_t> first_task;  // of each request
  size_t next = 0;
  const auto next_request = [&]() -> std::optional<GenerationRequest> {
    while (next < tasks.size()) {
      const size_t begin = next;
      const Prompt& prompt = *tasks[begin].prompt;
      while (next < tasks.size() && tasks[next].prompt == &prompt) ++next;
      std::vector<int64_t> tokens = encoder_.encode(prompt);
      const auto positions = static_cast<int64_t>(tokens.size()) + options_.max_new_tokens;
      if (positions <= model_.config().max_position_embeddings) {
        first_task.push_back(begin);
        return request(tasks, begin, next, std::move(tokens));
      }
      const Answer unanswerable{.text = "", .tokens = 0, .ending = Ending::prompt_too_long};
      for (size_t i = begin; i < next; ++i) on_answer(tasks[i], unanswerable);
    }
    return std::nullopt;
  };
  Generator(
      model_,
      {.max_batch_size = options_.batch_size, .kv_cache_bytes = options_.kv_cache_mib * kMebibyte})
      .run(next_request, [&](size_t index, size_t continuation, const GenerationResult& result) {
        on_answer(tasks[first_task[index] + continuation], to_answer(result));
      });
}

GenerationRequest ModelAnswerer::request(const std::vector<AnswerTask>& tasks,
                                         size_t begin,
                                         size_t end,
                                         std::vector<int64_t> prompt) const {
  GenerationRequest request{.prompt = std::move(prompt),
                            .continuations = {},
                            .sampling = options_.sampling,
                            .max_new_tokens = options_.max_new_tokens,
                            .stop_ids = stop_ids_};
  for (size_t i = begin; i < end; ++i) {
    request.continuations.push_back({.masked_heads = masked_heads_.at(tasks[i].policy),
                                     .random = RandomStream(options_.seed, tasks[i].name())});
  }
  return request;
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
