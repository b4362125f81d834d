#pragma once
// Training rows: which answers are kept, their JSON, and how each strategy makes them. Also the
// rows with one policy's answers.

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"
#include "retmask/synthesize/options.h"

namespace retmask::synthesize {

// True if the text ends with at least three copies of a phrase, as Holtzman et al. (2020, "The
// Curious Case of Neural Text Degeneration", section 5.3) define repetition; the last copy may be
// incomplete. The phrase may be a single letter, so no language needs word splitting. In exchange
// the loop must be at least 300 bytes long, so that rules of dashes, laughter and refrains do not
// count. Trailing white space is ignored. Linear in time and memory.
bool repeats_at_the_end(std::string_view text);

// True if the answer is longer than runaway_tokens or repeats_at_the_end().
bool is_runaway(const Answer& answer, const PairOptions& options);

// Empty if the pair is kept.
std::optional<DropReason> drop_reason(const Prompt& prompt,
                                      const Answer& chosen,
                                      const Answer& rejected,
                                      const PairOptions& options);

// The same for a single answer.
std::optional<DropReason> drop_reason(const Prompt& prompt,
                                      const Answer& answer,
                                      const PairOptions& options);

// TRL's conversational preference form with "id" and "meta":
//   {"prompt": [...], "chosen": [...], "rejected": [...], "id",
//    "meta": {"sample", "chosen": META, "rejected": META}}
// where META is {"tokens", "finish_reason", "mean_logprob", "repetition_flag"}. The log-prob is
// rounded to three decimals; the journal has the full value. repetition_flag is Answer::runaway.
// "tools" and "chat_template_kwargs" of the prompt are added to this and the next two rows;
// train-dpo reads them.
Json pair_row(const Prompt& prompt, int64_t sample, const Answer& chosen, const Answer& rejected);

// {"messages": [..., {"role": "assistant", "content"}], "id",
//  "meta": {"sample", "tokens", "finish_reason", "mean_logprob"}}, the form read by TRL's
//  SFTTrainer and train-dpo --loss sft.
Json sft_row(const Prompt& prompt, int64_t sample, const Answer& answer);

// One policy's answers in the layout of RetMask's 2_Contrastive_Response_Generation, readable by
// its build_dpo_data.py:
//   {"conversation_id", "conversation", "redacted",
//    "synthesized_assistant_responses": [{"role", "content"}],
//    "synthesized_response_scoring_annotations": [{"response_token_length", "repetition_flag",
//                                                  "finish_reason", "mean_logprob",
//                                                  "token_ids", "token_logprobs"}],
//    "synthesis_model"}
// "token_ids" and "token_logprobs" are written on request only. They are not in the reference's
// layout and cover all generated tokens, including stripped thinking. Answers to prompts that are
// too long are omitted; if none remains, both lists are null, as in the rows the reference skips.
Json reference_row(const Prompt& prompt,
                   const std::vector<Answer>& samples,
                   const std::string& synthesis_model);

// The answers to one prompt as written to the final files, of each policy by sample.
using PolicyAnswers = std::map<Policy, std::vector<Answer>>;
using AnswersTo = std::function<PolicyAnswers(const Prompt& prompt)>;

struct TrainingRow {
  std::optional<DropReason> dropped;  // empty: kept
  Json json;                          // null if dropped
};

// Makes a strategy's training rows.
class RowMaker {
 public:
  virtual ~RowMaker() = default;

  // Finds out what the rows depend on besides the answers. Called once, before the first make().
  virtual void prepare(const std::vector<Prompt>& /*prompts*/,
                       const AnswersTo& /*answers*/,
                       const std::filesystem::path& /*out*/) {}

  // The rows of one prompt, kept and dropped.
  virtual std::vector<TrainingRow> make(const Prompt& prompt, const PolicyAnswers& answers) = 0;

  // Name of the file with the rows.
  virtual std::string file() const { return "pairs.jsonl"; }

  // Adapts the content of summary.json.
  virtual void complete(Json& /*summary*/) const {}
};

// One pair per sample: the policies' answers (strategies with two policies).
class PairRows : public RowMaker {
 public:
  // `options` must outlive this object.
  explicit PairRows(const PairOptions& options) : options_(options) {}
  std::vector<TrainingRow> make(const Prompt& prompt, const PolicyAnswers& answers) override;

 private:
  const PairOptions& options_;
};

// One row per sample: the chosen answer (sft). summary.json has "rows" in place of "pairs".
class SftRows : public RowMaker {
 public:
  // `options` must outlive this object.
  explicit SftRows(const PairOptions& options) : options_(options) {}
  std::vector<TrainingRow> make(const Prompt& prompt, const PolicyAnswers& answers) override;
  std::string file() const override { return "sft.jsonl"; }
  void complete(Json& summary) const override;

 private:
  const PairOptions& options_;
};

}  // namespace retmask::synthesize
