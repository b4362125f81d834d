#include "retmask/eval/answer_by_server.h"

#include <algorithm>
#include <chrono>

#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/base/random.h"
#include "retmask/endpoint/chat_client.h"
#include "split_thinking.h"

namespace retmask::eval {
namespace {

constexpr size_t kMostStops = 4;  // of OpenAI's API

endpoint::ChatRequest chat_request(const Sample& sample, uint64_t seed) {
  RETMASK_CHECK(!sample.messages.empty(), sample.id, " has no messages for a server");
  const size_t stops = std::min(sample.stop.size(), kMostStops);
  return {.messages = sample.messages,
          .temperature = sample.sampling.temperature,
          .top_p = sample.sampling.top_p,
          .top_k = sample.sampling.top_k,
          .min_p = sample.sampling.min_p,
          .repetition_penalty = sample.sampling.repetition_penalty,
          .stop = {sample.stop.begin(), sample.stop.begin() + static_cast<std::ptrdiff_t>(stops)},
          .max_tokens = sample.max_new_tokens,
          .seed = RandomStream(seed, sample.id).next()};
}

Json row_of_reply(const Sample& sample, const endpoint::ChatReply& reply) {
  if (reply.ending == endpoint::ChatEnding::prompt_too_long) {
    return error_row(sample, "the prompt is too long for the server's model");
  }
  ThoughtAnswer split = split_thinking(reply.text);
  if (!reply.reasoning.empty()) split.thinking = reply.reasoning;
  Json row = answered_row(sample, text_before_stop(split.answer, sample.stop));
  if (!split.thinking.empty()) row["thinking"] = split.thinking;
  row["server"] = tokens_of_server(reply);
  return row;
}

}  // namespace

Json tokens_of_server(const endpoint::ChatReply& reply) {
  return {{"prompt_tokens", reply.prompt_tokens}, {"new_tokens", reply.tokens}};
}

AnsweredSamples ask_server(const endpoint::Options& server,
                           const ServerLoop& loop,
                           SampleJournal& journal) {
  const std::vector<size_t> waiting = journal.waiting();
  const auto total = static_cast<int64_t>(journal.size());
  Progress progress(loop.title, total, "samples", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  endpoint::ChatClient(server).run(
      waiting.size(),
      [&](size_t i) { return loop.request(waiting[i]); },
      [&](size_t i, const endpoint::ChatReply& reply) {
        journal.finish(waiting[i], loop.row(waiting[i], reply));
        progress.advance();
      });
  progress.finish();
  return {
      .answered_now = static_cast<int64_t>(waiting.size()),
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

AnsweredSamples answer_by_server(const endpoint::Options& server,
                                 const std::vector<Sample>& samples,
                                 const AnswerOptions& options,
                                 SampleJournal& journal) {
  return ask_server(
      server,
      {.title = options.title,
       .request = [&](size_t i) { return chat_request(samples[i], options.seed); },
       .row = [&](size_t i,
                  const endpoint::ChatReply& reply) { return row_of_reply(samples[i], reply); }},
      journal);
}

Json server_use(const endpoint::Options& server, const std::vector<Json>& rows) {
  int64_t requests = 0;
  int64_t prompt_tokens = 0;
  int64_t new_tokens = 0;
  for (const Json& row : rows) {
    const auto use = row.find("server");
    if (use == row.end()) continue;
    ++requests;
    prompt_tokens += use->at("prompt_tokens").get<int64_t>();
    new_tokens += use->at("new_tokens").get<int64_t>();
  }
  return {{"model", server.model},
          {"requests", requests},
          {"prompt_tokens", prompt_tokens},
          {"new_tokens", new_tokens}};
}

}  // namespace retmask::eval
