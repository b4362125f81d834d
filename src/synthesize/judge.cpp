#include "retmask/synthesize/judge.h"

#include "retmask/base/error.h"
#include "retmask/base/random.h"

namespace retmask::synthesize {

void JudgeOptions::validate() const {
  server.validate("--judge-endpoint", "--judge-model");
  if (!server.given() && !prompt.empty()) {
    user_error("--judge-prompt is given without --judge-endpoint");
  }
  if (max_tokens < 1) user_error("--judge-max-tokens is ", max_tokens, ", expected at least 1");
}

// An answer being judged and the judge's replies so far.
struct Judge::Hearing {
  const AnswerToJudge* answer = nullptr;
  std::vector<std::string> replies;  // without a grade
};

Judge::Judge(const JudgeOptions& options, uint64_t seed)
    : client_(options.server),
      prompt_(JudgePrompt::load(options.prompt)),
      max_tokens_(options.max_tokens),
      seed_(seed) {}

void Judge::judge(const std::vector<AnswerToJudge>& answers,
                  const VerdictVisitor& on_verdict) const {
  std::vector<Hearing> hearings;
  for (const AnswerToJudge& answer : answers) {
    hearings.push_back({.answer = &answer, .replies = {}});
  }
  for (int ask = 1; !hearings.empty(); ++ask) {
    std::vector<Hearing> again;
    client_.run(
        hearings.size(),
        [&](size_t i) { return request(hearings[i]); },
        [&](size_t i, const endpoint::ChatReply& reply) {
          const std::optional<double> score = parse_score(reply.text);
          if (score || ask == kAsks || reply.ending == endpoint::ChatEnding::prompt_too_long) {
            on_verdict(hearings[i].answer->task, {.score = score, .text = reply.text});
          } else {
            again.push_back(hearings[i]);
            again.back().replies.push_back(reply.text);
          }
        });
    hearings = std::move(again);
  }
}

endpoint::ChatRequest Judge::request(const Hearing& hearing) const {
  const AnswerToJudge& answer = *hearing.answer;
  const auto message = [](const char* role, const std::string& content) {
    return Json{{"role", role}, {"content", content}};
  };
  Json messages =
      Json::array({message("user", prompt_.fill(answer.task.prompt->messages, answer.text))});
  for (const std::string& reply : hearing.replies) {
    messages.push_back(message("assistant", reply));
    messages.push_back(message("user", kGradeReminder));
  }
  return {.messages = std::move(messages),
          .temperature = 0.0,
          .top_p = 1.0,
          .top_k = 0,
          .min_p = 0.0,
          .max_tokens = max_tokens_,
          .seed = RandomStream(seed_, "judge " + answer.task.name()).next(),
          .logprobs = false,
          .template_variables = Json::object()};
}

}  // namespace retmask::synthesize
