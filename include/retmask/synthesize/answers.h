#pragma once
// Answers, and the journal that keeps each of them from the moment it is finished.

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

// Which side of the pairs an answer is for.
enum class Policy { chosen, rejected };
std::string to_string(Policy policy);

// How an answer ended.
enum class Ending {
  stop,             // the model ended it, or it came to a stop string
  length,           // cut at max_new_tokens
  prompt_too_long,  // never begun: prompt and max_new_tokens exceed what the model can hold
};
std::string to_string(Ending ending);

struct Answer {
  std::string text;    // without special tokens, up to the first stop string
  int64_t tokens = 0;  // generated ones, with the stop token or those of the stop string
  Ending ending = Ending::stop;
  // Natural log, over the generated tokens, of the untempered distribution. NaN, null in files: a
  // server wrote the answer and was not asked.
  double mean_logprob = 0.0;
  // Of each generated token, on request; the mean of the second is mean_logprob. Servers tell no
  // ids.
  std::vector<int64_t> token_ids = {};
  std::vector<double> token_logprobs = {};

  // Found out from the above when the final files are written; not in the journal.
  bool runaway = false;           // it repeats itself to the end: is_runaway() in pairs.h
  bool unended_thinking = false;  // nothing but thinking was left of it: strip_thinking()
};

struct AnswerTask {
  const Prompt* prompt = nullptr;
  Policy policy = Policy::chosen;
  int64_t sample = 0;

  // "<prompt id>/<policy>/<sample>": the key of its answer and the name of its random stream.
  std::string name() const;
  static std::string name_of(const std::string& id, const std::string& policy, int64_t sample);
};

using AnswerVisitor = std::function<void(const AnswerTask& task, const Answer& answer)>;

// answers.jsonl: one row per finished answer, in the order in which they finished:
//   {"id", "policy", "sample", "text", "tokens", "finish_reason", "mean_logprob",
//    "token_ids", "token_logprobs": [one for each of "tokens"], both on request}
// In memory is only where each of them begins.
class AnswerJournal {
 public:
  // Throws UserError when the file holds something else or cannot be written.
  explicit AnswerJournal(const std::filesystem::path& path);

  // On disk when it returns. Throws UserError when the disk is full; the answers before it are
  // kept.
  void add(const AnswerTask& task, const Answer& answer);

  bool contains(const AnswerTask& task) const { return offsets_.contains(task.name()); }

  // Read from the disk; nothing when it is not finished.
  std::optional<Answer> find(const AnswerTask& task) const;

 private:
  std::unordered_map<std::string, int64_t> offsets_;  // by AnswerTask::name()
  Journal journal_;
};

}  // namespace retmask::synthesize
