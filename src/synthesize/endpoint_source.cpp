#include "endpoint_source.h"

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/random.h"
#include "thinking.h"

namespace retmask::synthesize {
namespace {

Ending to_ending(endpoint::ChatEnding ending) {
  switch (ending) {
    case endpoint::ChatEnding::stop:
      return Ending::stop;
    case endpoint::ChatEnding::cut:
      return Ending::length;
    case endpoint::ChatEnding::prompt_too_long:
      return Ending::prompt_too_long;
  }
  RETMASK_CHECK(false, "unknown ending");
}

Answer to_answer(const endpoint::ChatReply& reply) {
  return {.text = with_thinking(reply.reasoning, reply.text),
          .tokens = reply.tokens,
          .ending = to_ending(reply.ending),
          .mean_logprob = reply.mean_logprob};
}

}  // namespace

void EndpointSource::load(const std::vector<AnswerTask>& /*tasks*/) { client_.emplace(server_); }

void EndpointSource::answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) {
  RETMASK_CHECK(client_.has_value(), "not loaded");
  for (const AnswerTask& task : tasks) {
    if (!task.prompt->template_variables.contains("tools")) continue;
    user_error(task.prompt->where,
               ": the row has \"tools\", which cannot be sent to a server; remove such rows or "
               "answer them with --model");
  }
  size_t only_thinking = 0;
  client_->run(
      tasks.size(),
      [&](size_t task) { return request(tasks[task]); },
      [&](size_t task, const endpoint::ChatReply& reply) {
        Answer answer = to_answer(reply);
        if (options_.decoding.logprobs) answer.token_logprobs = reply.logprobs;
        const bool ended = reply.ending == endpoint::ChatEnding::stop;
        if (ended && !reply.reasoning.empty() && reply.text.empty()) ++only_thinking;
        on_answer(tasks[task], answer);
      });
  if (only_thinking > 0) {
    log::warn(detail::concat(only_thinking,
                             " of ",
                             tasks.size(),
                             " replies have reasoning_content but no answer, although they were "
                             "not truncated; check that the server's reasoning parser fits the "
                             "model"));
  }
}

endpoint::ChatRequest EndpointSource::request(const AnswerTask& task) const {
  const DecodingOptions& decoding = options_.decoding;
  Json variables = task.prompt->template_variables;
  variables.update(options_.template_variables);
  return {.messages = task.prompt->messages,
          .temperature = decoding.sampling.temperature,
          .top_p = decoding.sampling.top_p,
          .top_k = decoding.sampling.top_k,
          .min_p = decoding.sampling.min_p,
          .repetition_penalty = decoding.sampling.repetition_penalty,
          .stop = decoding.stop,
          .max_tokens = decoding.max_new_tokens,
          .seed = RandomStream(decoding.seed, task.name()).next(),
          .logprobs = server_.logprobs,
          .template_variables = std::move(variables)};
}

}  // namespace retmask::synthesize
