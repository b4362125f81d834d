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

}  // namespace

std::string to_string(Policy policy) { return policy == Policy::chosen ? "chosen" : "rejected"; }

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

AnswerJournal::AnswerJournal(const std::filesystem::path& path) : journal_(path) {
  int64_t line = 0;
  for (const Json& row : journal_.rows()) {
    const std::string where = path.string() + ":" + std::to_string(++line);
    Answer answer;
    answer.text = json_get<std::string>(row, "text", where);
    answer.tokens = json_get<int64_t>(row, "tokens", where);
    answer.ending = parse_ending(json_get<std::string>(row, "finish_reason", where), where);
    answer.mean_logprob =
        json_get_or<double>(row, "mean_logprob", std::numeric_limits<double>::quiet_NaN(), where);
    answers_.insert_or_assign(AnswerTask::name_of(json_get<std::string>(row, "id", where),
                                                  json_get<std::string>(row, "policy", where),
                                                  json_get<int64_t>(row, "sample", where)),
                              std::move(answer));
  }
}

void AnswerJournal::add(const AnswerTask& task, const Answer& answer) {
  journal_.append({{"id", task.prompt->id},
                   {"policy", to_string(task.policy)},
                   {"sample", task.sample},
                   {"text", answer.text},
                   {"tokens", answer.tokens},
                   {"finish_reason", to_string(answer.ending)},
                   {"mean_logprob", answer.mean_logprob}});
  answers_.insert_or_assign(task.name(), answer);
}

const Answer* AnswerJournal::find(const AnswerTask& task) const {
  const auto found = answers_.find(task.name());
  return found == answers_.end() ? nullptr : &found->second;
}

}  // namespace retmask::synthesize
