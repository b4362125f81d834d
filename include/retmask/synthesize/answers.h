#pragma once
// Answers and the journal that stores each one as soon as it is finished.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize {

// Side of the pair an answer belongs to.
enum class Policy { chosen, rejected };
std::string to_string(Policy policy);

// The end of an answer.
enum class Ending {
  stop,             // ended by the model or by a stop string
  length,           // truncated at max_new_tokens
  prompt_too_long,  // not generated: prompt and max_new_tokens exceed the model's positions
};
std::string to_string(Ending ending);

struct Answer {
  std::string text;    // without special tokens, up to the first stop string
  int64_t tokens = 0;  // generated, including the stop token or the stop string's tokens
  Ending ending = Ending::stop;
  // Natural log under the untempered distribution, averaged over the generated tokens. NaN (null in
  // files) if a server wrote the answer and no log-probs were requested.
  double mean_logprob = 0.0;
  // One entry per generated token, on request. mean_logprob is the mean of token_logprobs. Servers
  // do not return ids.
  std::vector<int64_t> token_ids = {};
  std::vector<double> token_logprobs = {};

  // Computed from the fields above when the final files are written; not stored in the journal.
  bool runaway = false;           // is_runaway() in pairs.h
  bool unended_thinking = false;  // the thinking never ended: strip_thinking()
};

struct AnswerTask {
  const Prompt* prompt = nullptr;
  Policy policy = Policy::chosen;
  int64_t sample = 0;

  // "<prompt id>/<policy>/<sample>": key of the answer and name of its random stream.
  std::string name() const;
  static std::string name_of(const std::string& id, const std::string& policy, int64_t sample);
};

using AnswerVisitor = std::function<void(const AnswerTask& task, const Answer& answer)>;

// answers.jsonl: one row per answer, in order of completion:
//   {"id", "policy", "sample", "text", "tokens", "finish_reason", "mean_logprob",
//    "token_ids", "token_logprobs": [one for each of "tokens"], both on request}
// Only the row offsets are kept in memory.
class AnswerJournal {
 public:
  // Throws UserError if the file is not an answer journal or cannot be written.
  explicit AnswerJournal(const std::filesystem::path& path);

  // The row is on disk when add() returns. Throws UserError if the disk is full; earlier answers
  // are kept.
  void add(const AnswerTask& task, const Answer& answer);

  bool contains(const AnswerTask& task) const { return offsets_.contains(task.name()); }

  // Reads the answer from disk; empty if it is not finished.
  std::optional<Answer> find(const AnswerTask& task) const;

 private:
  std::unordered_map<std::string, int64_t> offsets_;  // by AnswerTask::name()
  Journal journal_;
};

}  // namespace retmask::synthesize
