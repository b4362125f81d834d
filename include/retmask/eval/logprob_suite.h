#pragma once
// Suite "logprob": per-token log-probabilities of given texts.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "retmask/base/sample_journal.h"
#include "retmask/eval/options.h"
#include "retmask/eval/subject.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::eval {

struct LogprobRow {
  Json id = {};  // the row's "id", or its index in the file
  std::vector<int64_t> tokens = {};
  // Index of the first completion token, for rows with prompt and completion.
  std::optional<int64_t> completion_start = {};
};

// Reads a data file and tokenizes its rows.
//   {"text"}: encoded with the special tokens the tokenizer adds by default.
//   {"messages"}: the chat template's rendering without a generation prompt; nothing is added.
//   {"prompt", "completion"}: both concatenated and encoded like {"text"}; the completion starts
//   after the tokens of the prompt encoded alone. Trailing white space of the prompt counts as part
//   of the completion, because tokenizers attach it to the following word (as in
//   lm-evaluation-harness).
class LogprobReader {
 public:
  // `model_dir` provides the chat template, which is loaded at the first {"messages"} row. `moment`
  // as in RenderOptions.
  LogprobReader(const Tokenizer& tokenizer,
                std::filesystem::path model_dir,
                const ModelConfig& config,
                std::optional<Moment> moment = std::nullopt);

  // Throws UserError with file and line for a row that is malformed, has no tokens, or is longer
  // than the model's maximum.
  std::vector<LogprobRow> read(const std::filesystem::path& path);

 private:
  LogprobRow parse(const Json& row, const std::string& where);
  std::vector<int64_t> encode_messages(const Json& row, const std::string& where);
  void encode_completion(const Json& row, const std::string& where, LogprobRow& parsed) const;
  void check(const LogprobRow& row, const std::string& where) const;

  const Tokenizer& tokenizer_;
  std::filesystem::path model_dir_;
  int64_t max_tokens_;
  int64_t vocab_size_;
  std::optional<Moment> moment_;
  std::unique_ptr<const ChatTemplate> template_;
};

struct EvaluatedRows {
  int64_t tokens_now = 0;  // excluding those of an earlier run
  double seconds = 0.0;    // spent on those
};

// The journal of these rows, predictions.jsonl. Throws UserError like SampleJournal.
SampleJournal open_journal(const std::filesystem::path& path, const std::vector<LogprobRow>& rows);

// Evaluates the rows that wait in the journal, in order, with one row each:
// {"id", "tokens", "logprobs": [null, l1, ...], "sum", "mean"}, natural logarithms, plus
// "completion_start", "completion_sum" and "completion_mean" if there is a completion. "mean" is
// null if no token is predicted. Throws UserError for bad options.
EvaluatedRows run_logprob(const Subject& subject,
                          const std::vector<LogprobRow>& rows,
                          const LogprobOptions& options,
                          SampleJournal& journal);

// {"suite", "rows", "tokens", "sum", "mean", "perplexity"} over all predicted tokens; "completion":
// {"rows", "tokens", "sum", "mean"} if there are completions.
Json logprob_results_json(const std::vector<Json>& predictions);

}  // namespace retmask::eval
