#include "mt_bench_text.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"

namespace retmask::eval {

std::string mt_bench_id(const Json& question, int64_t sample, int turn) {
  const std::string id =
      question.is_string() ? question.get<std::string>() : dump_json_line(question);
  return detail::concat(id, '-', sample, '-', turn);
}

const MtBenchQuestion& question_of(const std::vector<MtBenchQuestion>& questions,
                                   const Json& row,
                                   const std::string& where) {
  const Json id = row.value("question", Json());
  for (const MtBenchQuestion& question : questions) {
    if (question.id == id) return question;
  }
  user_error(where, ": the file of questions has none with id ", dump_json_line(id));
}

std::string stripped_answer(std::string_view answer) {
  return std::string(jinja::strip_spaces(answer, /*left=*/true, /*right=*/true));
}

std::string first_characters(std::string_view text, size_t count) {
  if (text.size() <= count) return std::string(text);
  return std::string(
      text.substr(0, jinja::byte_offset(text, std::min(count, jinja::count_code_points(text)))));
}

}  // namespace retmask::eval
