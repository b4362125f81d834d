#include "retmask/synthesize/verdicts.h"

#include <charconv>
#include <string_view>

#include "retmask/base/error.h"

namespace retmask::synthesize {
namespace {

std::optional<double> parse_number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  double value = 0.0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> parse_score(const std::string& text) {
  for (size_t open = text.rfind("[["); open != std::string::npos;
       open = text.rfind("[[", open - 1)) {
    const size_t close = text.find("]]", open);
    if (close != std::string::npos) {
      const auto score = parse_number(std::string_view(text).substr(open + 2, close - open - 2));
      if (score && *score >= 1 && *score <= 10) return score;
    }
    if (open == 0) break;
  }
  return std::nullopt;
}

VerdictJournal::VerdictJournal(const std::filesystem::path& path) : journal_(path) {
  int64_t line = 0;
  for (const Json& row : journal_.rows()) {
    const std::string where = path.string() + ":" + std::to_string(++line);
    Verdict verdict;
    verdict.text = json_get<std::string>(row, "text", where);
    if (row.contains("score") && !row.at("score").is_null()) {
      verdict.score = json_get<double>(row, "score", where);
    }
    verdicts_.insert_or_assign(AnswerTask::name_of(json_get<std::string>(row, "id", where),
                                                   json_get<std::string>(row, "policy", where),
                                                   json_get<int64_t>(row, "sample", where)),
                               std::move(verdict));
  }
}

void VerdictJournal::add(const AnswerTask& task, const Verdict& verdict) {
  journal_.append({{"id", task.prompt->id},
                   {"policy", to_string(task.policy)},
                   {"sample", task.sample},
                   {"score", verdict.score ? Json(*verdict.score) : Json()},
                   {"text", verdict.text}});
  verdicts_.insert_or_assign(task.name(), verdict);
}

const Verdict* VerdictJournal::find(const AnswerTask& task) const {
  const auto found = verdicts_.find(task.name());
  return found == verdicts_.end() ? nullptr : &found->second;
}

}  // namespace retmask::synthesize
