#include "training_rows.h"

#include <algorithm>
#include <cmath>

namespace retmask::synthesize {
namespace {

constexpr size_t kCopies = 3;
constexpr size_t kLeastBytes = 300;

// result[i]: length of the longest common prefix of the text and its suffix at i.
std::vector<size_t> z_function(std::string_view text) {
  std::vector<size_t> common(text.size(), 0);
  size_t left = 0;
  size_t right = 0;  // [left, right) is known to equal the start of the text
  for (size_t i = 1; i < text.size(); ++i) {
    if (i < right) common[i] = std::min(right - i, common[i - left]);
    while (i + common[i] < text.size() && text[common[i]] == text[i + common[i]]) ++common[i];
    if (i + common[i] > right) {
      left = i;
      right = i + common[i];
    }
  }
  return common;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) + 1 - begin);
}

bool either(const Answer& chosen, const Answer& rejected, Ending ending) {
  return chosen.ending == ending || rejected.ending == ending;
}

// On a GPU, libtorch's matrix products round a row's last digits depending on the batch size; the
// CPU kernels do not. This rarely affects the text, but the final files must not change when a run
// is resumed.
double stable_digits(double mean_logprob) { return std::round(mean_logprob * 1000) / 1000; }

Json message(const Answer& answer) { return {{"role", "assistant"}, {"content", answer.text}}; }

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

}  // namespace

bool repeats_at_the_end(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n\f\v");
  if (end == std::string_view::npos) return false;
  const std::string backwards(text.rend() - static_cast<std::ptrdiff_t>(end + 1), text.rend());
  const std::vector<size_t> common = z_function(backwards);
  // If the reversed text matches itself shifted by `period` for n bytes, the text ends in n +
  // period bytes of a loop.
  for (size_t period = 1; period * kCopies <= backwards.size(); ++period) {
    if (period + common[period] >= std::max(period * kCopies, kLeastBytes)) return true;
  }
  return false;
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

Json sft_row(const Prompt& prompt, int64_t sample, const Answer& answer) {
  Json messages = prompt.messages;
  messages.push_back({{"role", "assistant"}, {"content", answer.text}});
  Json meta = {{"sample", sample}};
  meta.update(answer_meta(answer));
  Json row = {{"messages", std::move(messages)}, {"id", prompt.id}, {"meta", std::move(meta)}};
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

std::vector<TrainingRow> PairRows::make(const Prompt& prompt, const PolicyAnswers& answers) {
  const std::vector<Answer>& chosen = answers.at(Policy::chosen);
  const std::vector<Answer>& rejected = answers.at(Policy::rejected);
  std::vector<TrainingRow> rows;
  for (size_t i = 0; i < chosen.size(); ++i) {
    TrainingRow& row = rows.emplace_back();
    row.dropped = drop_reason(prompt, chosen[i], rejected[i], options_);
    if (!row.dropped) row.json = pair_row(prompt, static_cast<int64_t>(i), chosen[i], rejected[i]);
  }
  return rows;
}

std::vector<TrainingRow> SftRows::make(const Prompt& prompt, const PolicyAnswers& answers) {
  const std::vector<Answer>& chosen = answers.at(Policy::chosen);
  std::vector<TrainingRow> rows;
  for (size_t i = 0; i < chosen.size(); ++i) {
    TrainingRow& row = rows.emplace_back();
    row.dropped = drop_reason(prompt, chosen[i], options_);
    if (!row.dropped) row.json = sft_row(prompt, static_cast<int64_t>(i), chosen[i]);
  }
  return rows;
}

void SftRows::complete(Json& summary) const {
  Json renamed = Json::object();
  for (const auto& [key, value] : summary.items()) renamed[key == "pairs" ? "rows" : key] = value;
  summary = std::move(renamed);
}

}  // namespace retmask::synthesize
