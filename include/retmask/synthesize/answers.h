#pragma once
// Answers, the sources that generate them, and the journal that stores each one as soon as it is
// finished.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/engine/memory.h"
#include "retmask/synthesize/options.h"
#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize {

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
  bool runaway = false;           // is_runaway() in training_rows.h
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

// Planned memory on this machine and the peak so far, in bytes.
struct MemoryUse {
  MemoryBudget budget;
  int64_t peak = 0;
  std::string compute = {};  // compute_path()
};

// A local checkpoint, which answers for one or both policies, or a server, which answers for one.
class AnswerSource {
 public:
  virtual ~AnswerSource() = default;

  // Gets ready to answer these tasks. A checkpoint logs its memory plan and loads its weights.
  // Throws UserError.
  virtual void load(const std::vector<AnswerTask>& tasks) = 0;

  // Calls `on_answer` once per task, on the calling thread, as soon as the answer is complete.
  // Answers are independent of each other. `tasks` are those given to load().
  virtual void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) = 0;

  // Empty if the answers are generated on a server.
  virtual std::optional<MemoryUse> memory_use() const { return std::nullopt; }
};

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
