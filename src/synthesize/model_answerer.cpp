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
  check_stop_strings(stop, "--stop");
}

GeneratorOptions DecodingOptions::generator_options() const {
  constexpr int64_t kMebibyte = int64_t{1} << 20;
  return {.max_batch_size = batch_size, .kv_cache_bytes = kv_cache_mib * kMebibyte};
}

ModelAnswerer::ModelAnswerer(const InferenceLm& model,
                             const PromptEncoder& encoder,
                             const PolicyHeads& masked_heads,
                             std::vector<int64_t> stop_ids,
                             DecodingOptions decoding,
                             GeneratorOptions generation)
    : model_(model),
      encoder_(encoder),
      masked_heads_(masked_heads),
      stop_ids_(std::move(stop_ids)),
      options_(std::move(decoding)),
      generation_(generation),
      stop_strings_(encoder.tokenizer(), options_.stop) {
  options_.validate();
}

void ModelAnswerer::answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) {
  std::vector<size_t> first_task;  // by request
  size_t next = 0;
  const auto next_request = [&]() -> std::optional<GenerationRequest> {
    while (next < tasks.size()) {
      const size_t begin = next;
      const Prompt& prompt = *tasks[begin].prompt;
      while (next < tasks.size() && tasks[next].prompt == &prompt) ++next;
      std::vector<int64_t> tokens = encoder_.encode(prompt);
      const auto positions = static_cast<int64_t>(tokens.size()) + options_.max_new_tokens;
      if (positions <= model_.config().max_positions) {
        first_task.push_back(begin);
        return request(tasks, begin, next, std::move(tokens));
      }
      const Answer unanswerable{.text = "", .tokens = 0, .ending = Ending::prompt_too_long};
      for (size_t i = begin; i < next; ++i) on_answer(tasks[i], unanswerable);
    }
    return std::nullopt;
  };
  Generator(model_, generation_)
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
  if (!options_.stop.empty()) {
    request.stop_rule = [this](std::span<const int64_t> tokens) {
      return stop_strings_.end_with(tokens);
    };
  }
  for (size_t i = begin; i < end; ++i) {
    request.continuations.push_back({.masked_heads = masked_heads_.at(tasks[i].policy),
                                     .random = RandomStream(options_.seed, tasks[i].name())});
  }
  return request;
}

Answer ModelAnswerer::to_answer(const GenerationResult& result) const {
  std::vector<int64_t> tokens = result.tokens;
  // The stop token is not part of the text.
  if (result.reason == FinishReason::stop_id) tokens.pop_back();
  Answer answer{.text = stop_strings_.text_before(tokens),
                .tokens = static_cast<int64_t>(result.tokens.size()),
                .ending = result.reason == FinishReason::length ? Ending::length : Ending::stop,
                .mean_logprob = result.sum_logprob() / static_cast<double>(result.tokens.size())};
  if (options_.logprobs) {
    answer.token_ids = result.tokens;
    answer.token_logprobs = result.logprobs;
  }
  return answer;
}

}  // namespace retmask::synthesize
