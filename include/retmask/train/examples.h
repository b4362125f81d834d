#pragma once
// The training data as tokens.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"
#include "retmask/train/options.h"
#include "retmask/train/rows.h"

namespace retmask::train {

// 32 bits per token, so that 300,000 pairs of long answers fit in memory.
using TokenIds = std::vector<int32_t>;

struct TrainingExample {
  std::string where;  // "pairs.jsonl:12"
  TokenIds prompt;    // never empty: the first answer token needs something to follow
  TokenIds chosen;
  TokenIds rejected;  // empty for --loss sft
  // Tokens cut from the start of the prompt in each sequence, possibly all of them; 0 unless
  // --reference-truncation is given.
  int64_t chosen_skips = 0;
  int64_t rejected_skips = 0;

  // prompt + answer, 64 bits per token, as the model expects.
  std::vector<int64_t> chosen_sequence() const;
  std::vector<int64_t> rejected_sequence() const;
  int64_t chosen_length() const;
  int64_t rejected_length() const;  // 0 without a rejected answer
  // Position of the first scored answer token in its sequence: at least 1.
  int64_t chosen_start() const;
  int64_t rejected_start() const;
  // Of both sequences together.
  int64_t num_tokens() const;
  int64_t longest() const;
};

// Tokenizes rows as TRL's trainers do.
class RowTokenizer {
 public:
  // The chat template is read from the checkpoint's folder at the first conversation, so plain text
  // needs none. `tokenizer` outlives this object; `moment` as in RenderOptions. `model_vocab_size`:
  // rows of the model's embedding, which a tokenizer with added tokens can exceed.
  RowTokenizer(const Tokenizer& tokenizer,
               std::filesystem::path model_dir,
               std::optional<Moment> moment = std::nullopt,
               int64_t model_vocab_size = std::numeric_limits<int64_t>::max());

  // Completion tokens: the template's rendering of prompt + answer minus its rendering of the
  // prompt with the generation prompt. Plain rows: prompt + answer + EOS (unless present) minus the
  // prompt. If tokens merge across the boundary, the completion starts at the first token that
  // differs (in any answer). Throws UserError naming the row if the prompt's rendering is not a
  // prefix of the whole (showing both), if a prompt or answer has no tokens, and if a token is
  // outside the model's vocabulary.
  TrainingExample tokenize(const TextRow& row) const;

 private:
  struct Texts {
    std::string prompt;
    std::vector<std::string> whole;  // prompt + answer, for each answer
  };
  TrainingExample tokenize_row(const TextRow& row) const;
  const ChatTemplate& chat_template() const;
  Texts render_conversation(const TextRow& row) const;
  Texts join_plain_text(const TextRow& row) const;
  void warn_of_merge(const std::string& where) const;
  void check_ids(const std::vector<int64_t>& ids, const std::string& where) const;

  const Tokenizer& tokenizer_;
  std::filesystem::path model_dir_;
  int64_t model_vocab_size_;
  mutable std::unique_ptr<const ChatTemplate> chat_template_;
  std::optional<Moment> moment_;
  std::string eos_token_;  // empty: the tokenizer names none
  mutable bool warned_of_merge_ = false;
};

// Truncation of long rows as in the published implementation, which does it silently: its DPOConfig
// leaves TRL's defaults for max_prompt_length, max_length and truncation_mode, "keep_end".
struct ReferenceTruncation {
  int64_t max_prompt = 512;
  int64_t max_length = 1024;
};

// Keeps the last `max_prompt` tokens of the prompt, then the last `max_length` tokens of prompt +
// answer, separately for each answer: a long answer first loses its prompt, then its own start. The
// first token of an answer without a prompt is not scored, because nothing precedes it. Returns
// whether anything was cut. Source: trl 0.24.0 (the version pinned by the published code),
// trl/trainer/dpo_trainer.py, DPOTrainer.tokenize_row and concatenated_forward.
bool truncate_as_reference(TrainingExample& example, const ReferenceTruncation& limits = {});

// All rows of all files in order. `max_positions` is the model's limit. Warns about dropped and
// truncated rows. Throws UserError for a bad row, for long rows under LongRows::error, and if no
// row is left.
std::vector<TrainingExample> read_examples(const std::vector<std::filesystem::path>& files,
                                           const RowTokenizer& tokenizer,
                                           const Options& options,
                                           int64_t max_positions);

// A hash of all tokens and their roles: it depends on the data, the template, the tokenizer and the
// length limit.
std::string hash_examples(const std::vector<TrainingExample>& examples);

}  // namespace retmask::train
