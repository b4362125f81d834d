#pragma once
// Suite "logprob": how probable a model finds given texts, token by token.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/eval/subject.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::eval {

struct LogprobRow {
  Json id = {};  // the row's own "id", else its index in the file
  std::vector<int64_t> tokens = {};
  // Of a prompt with a completion: the index of the first token that is no longer the prompt's.
  std::optional<int64_t> completion_start = {};
};

// From rows of a JSONL file to tokens.
//   {"text"}: with the special tokens that the tokenizer adds by itself.
//   {"messages"}: the chat template's rendering without a generation prompt; nothing is added.
//   {"prompt", "completion"}: the two texts as one, as {"text"}; the completion begins behind the
//   tokens that the prompt has by itself. White space at the prompt's end counts as the
//   completion's, because tokenizers attach it to the word that follows (lm-evaluation-harness does
//   the same).
class LogprobReader {
 public:
  // `model_dir` for its chat template, which is loaded when the first {"messages"} row comes;
  // `moment` as in RenderOptions.
  LogprobReader(const Tokenizer& tokenizer,
                std::filesystem::path model_dir,
                const ModelConfig& config,
                std::optional<Moment> moment = std::nullopt);

  // Throws UserError with file and line for a row of another form, without tokens, or longer than
  // the model's maximum.
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

struct LogprobResult {
  std::vector<Json> predictions;  // one per row
  int64_t tokens_now = 0;  // tokens that went through the model, without those of an earlier run
  double seconds = 0.0;    // spent on those
};

// Rows go through the model in order, as many at once as have `batch_tokens` together (one at
// least). `journal` gets
// {"id", "tokens", "logprobs": [null, l1, ...], "sum", "mean"} per row, natural logarithms, plus
// "completion_start", "completion_sum" and "completion_mean" where there is a completion. "mean" is
// null when nothing is predicted. Throws UserError when the journal holds other rows.
LogprobResult run_logprob(const EvalSubject& subject,
                          const std::vector<LogprobRow>& rows,
                          int64_t batch_tokens,
                          Journal& journal);

// {"suite", "rows", "tokens", "sum", "mean", "perplexity"} over all predicted tokens; "completion":
// {"rows", "tokens", "sum", "mean"} when there are completions.
Json logprob_results_json(const LogprobResult& result);

}  // namespace retmask::eval
