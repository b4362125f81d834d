#include "retmask/eval/passages.h"

#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/rows/row_files.h"

namespace retmask::eval {
namespace {

constexpr const char* kExpectedPassages =
    "expected {\"question\", \"answers\": [text, ...], \"ctxs\": [{\"title\", \"text\", "
    "\"isgold\"}, "
    "...]}, as in nq-open-oracle.jsonl of github.com/nelson-liu/lost-in-the-middle";

std::string text_of(const Json& row, const char* key, const std::string& where) {
  const auto text = json_get<std::string>(row, key, where);
  if (text.empty()) user_error(where, ": \"", key, "\" is empty");
  return text;
}

std::vector<std::string> read_answers(const Json& row, const std::string& where) {
  const auto answers = json_get<std::vector<std::string>>(row, "answers", where);
  if (answers.empty()) user_error(where, ": \"answers\" is empty");
  for (const std::string& answer : answers) {
    if (answer.empty()) user_error(where, ": \"answers\" holds an empty text");
  }
  return answers;
}

PassageQuestion parse_question(const Json& row, const std::string& where) {
  for (const char* key : {"question", "answers", "ctxs"}) {
    if (!row.contains(key)) user_error(where, ": \"", key, "\" is missing; ", kExpectedPassages);
  }
  PassageQuestion question{.question = text_of(row, "question", where),
                           .answers = read_answers(row, where)};
  for (const Json& context : json_get<std::vector<Json>>(row, "ctxs", where)) {
    const std::string at = where + ": \"ctxs\"";
    if (!context.is_object())
      user_error(at, " holds ", context.dump().substr(0, 80), ", expected an object");
    Passage passage{.title = json_get_or<std::string>(context, "title", "", at),
                    .text = text_of(context, "text", at)};
    const char* mark = context.contains("isgold") ? "isgold" : "hasanswer";
    const bool is_gold = json_get_or<bool>(context, mark, false, at);
    (is_gold ? question.gold : question.others).push_back(std::move(passage));
  }
  if (question.gold.empty()) {
    user_error(where, ": none of \"ctxs\" has \"isgold\": true; ", kExpectedPassages);
  }
  return question;
}

}  // namespace

std::vector<PassageQuestion> read_passage_questions(const std::filesystem::path& path) {
  std::vector<PassageQuestion> questions;
  rows::for_each_row({.path = path,
                      .what = "file of questions with passages",
                      .columns = {"question", "answers", "ctxs"},
                      .hint = kExpectedPassages},
                     [&](const Json& row, int64_t, const std::string& where) {
                       questions.push_back(parse_question(row, where));
                     });
  if (questions.empty()) user_error("the file of questions with passages ", path, " is empty");
  return questions;
}

}  // namespace retmask::eval
