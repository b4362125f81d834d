#pragma once
// Verdicts of a judge and their journal.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

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

}  // namespace retmask::synthesize
