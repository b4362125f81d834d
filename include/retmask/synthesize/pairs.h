#pragma once
// From two answers to a preference pair, and the rows in which both are handed on.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

// Why a pair teaches nothing. A pair with several reasons counts under the first of them.
enum class DropReason {
  prompt_too_long,  // at least one policy could not answer
  empty_answer,     // nothing but white space
  equal_answers,    // but for white space around them, which templates trim
  redacted,         // the prompt is; only with drop_redacted
  unfinished,       // cut at max_new_tokens, only with drop_unfinished; or its thinking never ended
  runaway,          // Answer::runaway; only with drop_runaway
  unjudged,         // win-lose: the judge graded fewer than two answers
  tie,              // win-lose: the best grade is the worst
};
inline constexpr std::array kDropReasons = {DropReason::prompt_too_long,
                                            DropReason::empty_answer,
                                            DropReason::equal_answers,
                                            DropReason::redacted,
                                            DropReason::unfinished,
                                            DropReason::runaway,
                                            DropReason::unjudged,
                                            DropReason::tie};
std::string to_string(DropReason reason);

struct PairOptions {
  bool drop_redacted = false;
  bool drop_unfinished = false;
  bool drop_runaway = false;
  // Answers of more tokens are runaways, whatever their end looks like: most of them repeat
  // themselves. The reference's REPETITION_THRESHOLD in synthesize_assistant_response.py; 0: none.
  int64_t runaway_tokens = 2000;

  // Throws UserError.
  void validate() const;
};

// Whether an answer ran away: too long, or repeats_at_the_end() (repetition.h).
bool is_runaway(const Answer& answer, const PairOptions& options);

// Nothing for a pair to keep.
std::optional<DropReason> drop_reason(const Prompt& prompt,
                                      const Answer& chosen,
                                      const Answer& rejected,
                                      const PairOptions& options);

// The same for an answer by itself.
std::optional<DropReason> drop_reason(const Prompt& prompt,
                                      const Answer& answer,
                                      const PairOptions& options);

// {"tokens", "finish_reason", "mean_logprob", "repetition_flag"}. The log-prob has three decimals
// here, the journal has them all; repetition_flag is Answer::runaway.
Json answer_meta(const Answer& answer);

// The row's "tools" and "chat_template_kwargs", where the prompt has them: training reads them.
void add_template_variables(const Prompt& prompt, Json& row);

// TRL's conversational preference form with "id" and "meta":
//   {"prompt": [...], "chosen": [...], "rejected": [...], "id",
//    "meta": {"sample", "chosen": answer_meta(), "rejected": answer_meta()}}
Json pair_row(const Prompt& prompt, int64_t sample, const Answer& chosen, const Answer& rejected);

// One policy's answers in the layout of RetMask's 2_Contrastive_Response_Generation, so that its
// build_dpo_data.py reads them:
//   {"conversation_id", "conversation", "redacted",
//    "synthesized_assistant_responses": [{"role", "content"}],
//    "synthesized_response_scoring_annotations": [{"response_token_length", "repetition_flag",
//                                                  "finish_reason", "mean_logprob",
//                                                  "token_ids", "token_logprobs"}],
//    "synthesis_model"}
// The last two on request alone; they are the reference's neither, and of all generated tokens,
// those of stripped thinking among them.
// Answers to prompts that were too long are left out; without any left both lists are null, as in
// the rows that the reference skips.
Json reference_row(const Prompt& prompt,
                   const std::vector<Answer>& samples,
                   const std::string& synthesis_model);

}  // namespace retmask::synthesize
