#pragma once
// Grades answers by asking a model behind an OpenAI-compatible server, greedily.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/endpoint/chat_client.h"
#include "retmask/synthesize/judge_prompt.h"
#include "retmask/synthesize/verdicts.h"

namespace retmask::synthesize {

struct JudgeOptions {
  endpoint::Options server;
  std::filesystem::path prompt;  // a text as in JudgePrompt; empty: the built-in one
  int64_t max_tokens = 2048;     // of a reply

  // Throws UserError.
  void validate() const;
};

struct AnswerToJudge {
  AnswerTask task;
  std::string text;  // as it is handed on
};

class Judge {
 public:
  // A reply without a grade is answered by a reminder, so often in all; then the answer is
  // unjudged.
  static constexpr int kAsks = 3;

  // Throws UserError.
  Judge(const JudgeOptions& options, uint64_t seed);

  // Calls `on_verdict` once for each, on the calling thread. Throws UserError and
  // endpoint::EndpointFailure.
  void judge(const std::vector<AnswerToJudge>& answers, const VerdictVisitor& on_verdict) const;

 private:
  struct Hearing;
  endpoint::ChatRequest request(const Hearing& hearing) const;

  endpoint::ChatClient client_;
  JudgePrompt prompt_;
  int64_t max_tokens_;
  uint64_t seed_;
};

}  // namespace retmask::synthesize
