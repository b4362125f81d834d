#include "retmask/synthesize/answers.h"

#include <limits>

#include "retmask/base/error.h"

namespace retmask::synthesize {
namespace {

Ending parse_ending(const std::string& text, const std::string& where) {
  for (const Ending ending : {Ending::stop, Ending::length, Ending::prompt_too_long}) {
    if (text == to_string(ending)) return ending;
  }
  user_error(where, ": unknown finish_reason \"", text, "\"");
}

Answer parse_answer(const Json& row, const std::string& where) {
  return {.text = json_get<std::string>(row, "text", where),
          .tokens = json_get<int64_t>(row, "tokens", where),
          .ending = parse_ending(json_get<std::string>(row, "finish_reason", where), where),
          .mean_logprob = json_get_or<double>(
              row, "mean_logprob", std::numeric_limits<double>::quiet_NaN(), where),
          .token_ids = json_get_or<std::vector<int64_t>>(row, "token_ids", {}, where),
          .token_logprobs = json_get_or<std::vector<double>>(row, "token_logprobs", {}, where)};
}

}  // namespace

std::string to_string(Ending ending) {
  switch (ending) {
    case Ending::stop:
      return "stop";
    case Ending::length:
      return "length";
    case Ending::prompt_too_long:
      return "prompt_too_long";
  }
  RETMASK_CHECK(false, "unknown ending");
}

std::string AnswerTask::name_of(const std::string& id, const std::string& policy, int64_t sample) {
  return id + "/" + policy + "/" + std::to_string(sample);
}

std::string AnswerTask::name() const { return name_of(prompt->id, to_string(policy), sample); }

AnswerJournal::AnswerJournal(const std::filesystem::path& path)
    : journal_(path, [&, line = int64_t{0}](const Json& row, int64_t offset) mutable {
        const std::string where = path.string() + ":" + std::to_string(++line);
        parse_answer(row, where);
        offsets_.insert_or_assign(AnswerTask::name_of(json_get<std::string>(row, "id", where),
                                                      json_get<std::string>(row, "policy", where),
                                                      json_get<int64_t>(row, "sample", where)),
                                  offset);
      }) {}

void AnswerJournal::add(const AnswerTask& task, const Answer& answer) {
  Json row = {{"id", task.prompt->id},
              {"policy", to_string(task.policy)},
              {"sample", task.sample},
              {"text", answer.text},
              {"tokens", answer.tokens},
              {"finish_reason", to_string(answer.ending)},
              {"mean_logprob", answer.mean_logprob}};
  if (!answer.token_ids.empty()) row["token_ids"] = answer.token_ids;
  if (!answer.token_logprobs.empty()) row["token_logprobs"] = answer.token_logprobs;
  offsets_.insert_or_assign(task.name(), journal_.append(row));
}

std::optional<Answer> AnswerJournal::find(const AnswerTask& task) const {
  const auto found = offsets_.find(task.name());
  if (found == offsets_.end()) return std::nullopt;
  return parse_answer(journal_.read(found->second), journal_.path().string());
}

}  // namespace retmask::synthesize
