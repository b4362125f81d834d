#pragma once
// Grades answers with a model on an OpenAI-compatible server, decoding greedily.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/base/json.h"
#include "retmask/endpoint/chat_client.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

// The prompt for grading a single answer: a template with the placeholders {question} and {answer},
// both of which are required.
class JudgePrompt {
 public:
  // Loads the built-in template if `path` is empty. Throws UserError.
  static JudgePrompt load(const std::filesystem::path& path);

  // `messages` as in Prompt. A single user turn is inserted verbatim; in a longer conversation each
  // turn is preceded by its role. Braces inside the messages are not expanded.
  std::string fill(const Json& messages, const std::string& answer) const;

 private:
  explicit JudgePrompt(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct Verdict {
  std::optional<double> score;  // 1 to 10; empty if no reply had a readable grade
  std::string text;             // the judge's last reply
};

using VerdictVisitor = std::function<void(const AnswerTask& task, const Verdict& verdict)>;

// verdicts.jsonl: {"id", "policy", "sample", "score": number | null, "text"}, one row per judged
// answer, in order of arrival.
class VerdictJournal {
 public:
  // Throws UserError if the file is not a verdict journal or cannot be written.
  explicit VerdictJournal(const std::filesystem::path& path);

  // The row is on disk when add() returns. Throws UserError if the disk is full.
  void add(const AnswerTask& task, const Verdict& verdict);

  // Null if the answer has not been judged.
  const Verdict* find(const AnswerTask& task) const;

 private:
  Journal journal_;
  std::unordered_map<std::string, Verdict> verdicts_;  // by AnswerTask::name()
};

// The last grade between 1 and 10 in the text, written as "[[7]]" or "[[7.5]]".
std::optional<double> parse_score(const std::string& text);

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
