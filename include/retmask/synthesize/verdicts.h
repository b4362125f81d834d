#pragma once
// What a judge says about answers, and the journal that keeps it.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

struct Verdict {
  std::optional<double> score;  // 1 to 10; nothing when the judge gave none that can be read
  std::string text;             // the judge's last reply
};

using VerdictVisitor = std::function<void(const AnswerTask& task, const Verdict& verdict)>;

// verdicts.jsonl: {"id", "policy", "sample", "score": number | null, "text"}, one row per judged
// answer in the order in which the verdicts came.
class VerdictJournal {
 public:
  // Throws UserError when the file holds something else or cannot be written.
  explicit VerdictJournal(const std::filesystem::path& path);

  // On disk when it returns. Throws UserError when the disk is full.
  void add(const AnswerTask& task, const Verdict& verdict);

  // Null when it has not been judged.
  const Verdict* find(const AnswerTask& task) const;

 private:
  Journal journal_;
  std::unordered_map<std::string, Verdict> verdicts_;  // by AnswerTask::name()
};

// The grade in the last "[[7]]" or "[[7.5]]" of the text that lies between 1 and 10.
std::optional<double> parse_score(const std::string& text);

}  // namespace retmask::synthesize
