#include "retmask/synthesize/pairs.h"

#include <cmath>
#include <string_view>

#include "repetition.h"
#include "retmask/base/error.h"

namespace retmask::synthesize {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kWhite);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhite) + 1 - begin);
}

bool either(const Answer& chosen, const Answer& rejected, Ending ending) {
  return chosen.ending == ending || rejected.ending == ending;
}

// On a GPU, libtorch's matrix products round a row's last digits depending on the batch size; the
// CPU kernels do not. This rarely affects the text, but the final files must not change when a run
// is resumed.
double stable_digits(double mean_logprob) { return std::round(mean_logprob * 1000) / 1000; }

Json message(const Answer& answer) { return {{"role", "assistant"}, {"content", answer.text}}; }

}  // namespace

std::string to_string(DropReason reason) {
  switch (reason) {
    case DropReason::prompt_too_long:
      return "prompt_too_long";
    case DropReason::empty_answer:
      return "empty_answer";
    case DropReason::equal_answers:
      return "equal_answers";
    case DropReason::redacted:
      return "redacted";
    case DropReason::unfinished:
      return "unfinished";
    case DropReason::runaway:
      return "runaway";
    case DropReason::unjudged:
      return "unjudged";
    case DropReason::tie:
      return "tie";
  }
  RETMASK_CHECK(false, "unknown drop reason");
}

void PairOptions::validate() const {
  if (runaway_tokens < 0) {
    user_error("--runaway-tokens is ", runaway_tokens, ", expected 1 or more, or 0 for no limit");
  }
}

bool is_runaway(const Answer& answer, const PairOptions& options) {
  const bool too_long = options.runaway_tokens > 0 && answer.tokens > options.runaway_tokens;
  return too_long || repeats_at_the_end(answer.text);
}

std::optional<DropReason> drop_reason(const Prompt& prompt,
                                      const Answer& chosen,
                                      const Answer& rejected,
                                      const PairOptions& options) {
  if (either(chosen, rejected, Ending::prompt_too_long)) return DropReason::prompt_too_long;
  if (chosen.unended_thinking || rejected.unended_thinking) return DropReason::unfinished;
  const std::string_view chosen_text = trimmed(chosen.text);
  const std::string_view rejected_text = trimmed(rejected.text);
  if (chosen_text.empty() || rejected_text.empty()) return DropReason::empty_answer;
  if (chosen_text == rejected_text) return DropReason::equal_answers;
  if (options.drop_redacted && prompt.redacted) return DropReason::redacted;
  if (options.drop_unfinished && either(chosen, rejected, Ending::length))
    return DropReason::unfinished;
  if (options.drop_runaway && (chosen.runaway || rejected.runaway)) return DropReason::runaway;
  return std::nullopt;
}

std::optional<DropReason> drop_reason(const Prompt& prompt,
                                      const Answer& answer,
                                      const PairOptions& options) {
  if (answer.ending == Ending::prompt_too_long) return DropReason::prompt_too_long;
  if (answer.unended_thinking) return DropReason::unfinished;
  if (trimmed(answer.text).empty()) return DropReason::empty_answer;
  if (options.drop_redacted && prompt.redacted) return DropReason::redacted;
  if (options.drop_unfinished && answer.ending == Ending::length) return DropReason::unfinished;
  if (options.drop_runaway && answer.runaway) return DropReason::runaway;
  return std::nullopt;
}

Json answer_meta(const Answer& answer) {
  return {{"tokens", answer.tokens},
          {"finish_reason", to_string(answer.ending)},
          {"mean_logprob", stable_digits(answer.mean_logprob)},
          {"repetition_flag", answer.runaway}};
}

void add_template_variables(const Prompt& prompt, Json& row) {
  Json extra = prompt.template_variables;
  if (extra.contains("tools")) {
    row["tools"] = extra["tools"];
    extra.erase("tools");
  }
  if (!extra.empty()) row["chat_template_kwargs"] = std::move(extra);
}

Json pair_row(const Prompt& prompt, int64_t sample, const Answer& chosen, const Answer& rejected) {
  Json row = {
      {"prompt", prompt.messages},
      {"chosen", Json::array({message(chosen)})},
      {"rejected", Json::array({message(rejected)})},
      {"id", prompt.id},
      {"meta",
       {{"sample", sample}, {"chosen", answer_meta(chosen)}, {"rejected", answer_meta(rejected)}}}};
  add_template_variables(prompt, row);
  return row;
}

Json reference_row(const Prompt& prompt,
                   const std::vector<Answer>& samples,
                   const std::string& synthesis_model) {
  Json responses;
  Json annotations;
  for (const Answer& answer : samples) {
    if (answer.ending == Ending::prompt_too_long) continue;
    responses.push_back(message(answer));
    annotations.push_back({{"response_token_length", answer.tokens},
                           {"repetition_flag", answer.runaway},
                           {"finish_reason", to_string(answer.ending)},
                           {"mean_logprob", stable_digits(answer.mean_logprob)}});
    Json& annotation = annotations.back();
    if (!answer.token_ids.empty()) annotation["token_ids"] = answer.token_ids;
    if (!answer.token_logprobs.empty()) annotation["token_logprobs"] = answer.token_logprobs;
  }
  Json row = {{"conversation_id", prompt.id},
              {"conversation", prompt.messages},
              {"redacted", prompt.redacted},
              {"synthesized_assistant_responses", responses},
              {"synthesized_response_scoring_annotations", annotations},
              {"synthesis_model", synthesis_model}};
  add_template_variables(prompt, row);
  return row;
}

}  // namespace retmask::synthesize
