#include "retmask/eval/thinking.h"

#include "builtin_data.h"
#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace retmask::eval {
namespace {

constexpr EnumNames<Thinking, 3> kThinkingNames{
    {{{Thinking::automatic, "auto"}, {Thinking::off, "off"}, {Thinking::on, "on"}}}};

constexpr const char* kUnended = "unended_thinking";  // field of rows and of results.json

}  // namespace

std::string to_string(Thinking thinking) { return kThinkingNames.name_of(thinking); }

Thinking parse_thinking(const std::string& name) {
  return kThinkingNames.parse("--thinking", name);
}

std::optional<bool> ThinkingOptions::enable_thinking() const {
  if (use == Thinking::automatic && automatic_is_silent) return std::nullopt;
  return is_on();
}

void ThinkingOptions::validate() const {
  if (budget < 0) user_error("--thinking-budget is ", budget, ", expected at least 0");
  if (budget > 0 && !is_on()) {
    user_error("--thinking-budget has no effect without --thinking on");
  }
}

void ThinkingOptions::check_template(const ChatEncoder& encoder, const std::string& model) const {
  if (is_on() && !encoder.uses_template()) {
    user_error(
        "--thinking on: a chat template tells the model to think, but the prompts are plain text; "
        "give an instruction-tuned model, and not --chat none");
  }
  const bool opens = encoder.opens_thinking();
  if (is_on() && !opens && !encoder.knows_thinking()) {
    user_error("--thinking on: the chat template of ",
               model,
               " neither uses enable_thinking nor begins answers with <think>, so it cannot tell "
               "the model to think; omit --thinking");
  }
  if (is_on() || !opens) return;
  const std::string always =
      detail::concat("the chat template of ",
                     model,
                     " begins every answer with <think>, so its model always thinks; ");
  if (use == Thinking::off) {
    user_error("--thinking off: ", always, "give --thinking on, with --thinking-budget");
  }
  log::warn(always +
            "an answer whose thinking does not end is scored as it is; give --thinking on, with "
            "--thinking-budget, to score only what follows </think>");
}

std::vector<int64_t> end_of_thinking(const Tokenizer& tokenizer) {
  return tokenizer.encode(
      builtin_data("thinking").at("budget_is_used_up").get_ref<const std::string&>(),
      /*add_special_tokens=*/false);
}

int64_t ThinkingOptions::extra_tokens(const Tokenizer& tokenizer) const {
  if (!is_on() || budget == 0) return 0;
  return budget + static_cast<int64_t>(end_of_thinking(tokenizer).size());
}

void count_unended_thinking(const std::vector<Json>& rows, Json& results) {
  int64_t count = 0;
  bool any = false;
  for (const Json& row : rows) {
    const auto unended = row.find(kUnended);
    if (unended == row.end()) continue;
    any = true;
    count += *unended == true ? 1 : 0;
  }
  if (any) results[kUnended] = count;
}

}  // namespace retmask::eval
