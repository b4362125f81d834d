#pragma once
// Grades answers with a model on an OpenAI-compatible server, decoding greedily.

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
  std::filesystem::path prompt;  // template file, see JudgePrompt; empty: the built-in template
  int64_t max_tokens = 2048;     // per reply

  // Throws UserError.
  void validate() const;
};

struct AnswerToJudge {
  AnswerTask task;
  std::string text;  // as written to the final files
};

class Judge {
 public:
  // Maximum number of requests per answer. A reply without a grade is followed by a reminder; after
  // the last request the answer counts as unjudged.
  static constexpr int kAsks = 3;

  // Throws UserError.
  Judge(const JudgeOptions& options, uint64_t seed);

  // Calls `on_verdict` once per answer, on the calling thread. Throws UserError and
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
