#pragma once
// Builds preference pairs from answers, and the output rows of both.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

// Reason to drop a pair. A pair with several reasons is counted under the first.
enum class DropReason {
  prompt_too_long,  // for at least one policy
  empty_answer,     // only white space
  equal_answers,    // ignoring leading and trailing white space, which templates trim
  redacted,         // the prompt is redacted; only with drop_redacted
  unfinished,  // truncated at max_new_tokens (only with drop_unfinished), or the thinking never
               // ended
  runaway,     // Answer::runaway; only with drop_runaway
  unjudged,    // win-lose: the judge graded fewer than two answers
  tie,         // win-lose: best and worst grade are equal
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
  // Longer answers count as runaways even if no loop is detected: most of them repeat themselves.
  // REPETITION_THRESHOLD in the reference's synthesize_assistant_response.py; 0: no limit.
  int64_t runaway_tokens = 2000;

  // Throws UserError.
  void validate() const;
};

// True if the answer is longer than runaway_tokens or repeats_at_the_end() (repetition.h).
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

// {"tokens", "finish_reason", "mean_logprob", "repetition_flag"}. The log-prob is rounded to three
// decimals; the journal has the full value. repetition_flag is Answer::runaway.
Json answer_meta(const Answer& answer);

// Adds the prompt's "tools" and "chat_template_kwargs" to the row, if it has any; train-dpo reads
// them.
void add_template_variables(const Prompt& prompt, Json& row);

// TRL's conversational preference form with "id" and "meta":
//   {"prompt": [...], "chosen": [...], "rejected": [...], "id",
//    "meta": {"sample", "chosen": answer_meta(), "rejected": answer_meta()}}
Json pair_row(const Prompt& prompt, int64_t sample, const Answer& chosen, const Answer& rejected);

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

}  // namespace retmask::synthesize
