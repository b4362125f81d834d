#include "question_rows.h"

#include <algorithm>
#include <optional>

#include "retmask/base/error.h"
#include "retmask/base/python_random.h"
#include "retmask/metrics/letters.h"
#include "retmask/metrics/math_text.h"
#include "retmask/rows/row_files.h"

namespace retmask::eval {
namespace {

// Of all suites; a file has those of one.
const std::vector<std::string> kColumns = {"question_id",
                                           "unique_id",
                                           "id",
                                           "Record ID",
                                           "category",
                                           "subject",
                                           "Subdomain",
                                           "problem",
                                           "solution",
                                           "answer",
                                           "question",
                                           "options",
                                           "Question",
                                           "Correct Answer",
                                           "Incorrect Answer 1",
                                           "Incorrect Answer 2",
                                           "Incorrect Answer 3"};

// The value of the first of the keys that the row has.
const Json* first_of(const Json& row, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto found = row.find(key);
    if (found != row.end() && !found->is_null()) return &*found;
  }
  return nullptr;
}

// Behind the letters: lm-eval's rule looks for them in the answer.
void add_option_texts(const std::vector<Json>& options, std::vector<std::string>& references) {
  for (const Json& option : options)
    references.push_back(option.is_string() ? option.get<std::string>() : option.dump());
}

// GPQA's answers in the order in which a profile shows them.
class GpqaOrder {
 public:
  explicit GpqaOrder(const std::string& profile)
      : profile_(profile), random_(profile == "swallow" ? 1234 : 0) {}

  // Indices into {right, wrong 1, wrong 2, wrong 3}.
  std::vector<uint64_t> next() {
    if (profile_ == "simple-evals") return random_.sample(4, 4);
    if (profile_ == "lm-eval") {
      std::vector<uint64_t> order = {1, 2, 3, 0};
      random_.shuffle(order);
      return order;
    }
    std::vector<uint64_t> order = {1, 2, 3};
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(random_.below(4)), 0);
    return order;
  }

  std::string shown_text(const std::string& text) const {
    return profile_ == "lm-eval" ? metrics::preprocessed_option(text) : text;
  }

 private:
  std::string profile_;
  PythonRandom random_;
};

Question gpqa_question(const Json& row, const std::string& where, GpqaOrder& order) {
  Question question;
  question.text = json_get<std::string>(row, "Question", where);
  const std::vector<uint64_t> shown = order.next();
  for (const uint64_t answer : shown) {
    const std::string column =
        answer == 0 ? "Correct Answer" : "Incorrect Answer " + std::to_string(answer);
    const auto text = json_get<std::string>(row, column, where);
    question.options.push_back(order.shown_text(text));
  }
  const auto right = std::find(shown.begin(), shown.end(), 0U) - shown.begin();
  question.references = {option_letter(static_cast<size_t>(right)), option_letter(3)};
  add_option_texts({question.options.begin(), question.options.end()}, question.references);
  return question;
}

Question published_question(const std::string& suite, const Json& row, const std::string& where) {
  Question question;
  const bool is_math = suite == "math500";
  question.text = json_get<std::string>(row, is_math ? "problem" : "question", where);
  if (!is_math) {
    for (auto& option : json_get<std::vector<std::string>>(row, "options", where)) {
      if (option != "N/A") question.options.push_back(std::move(option));
    }
  }
  question.references = question_references(suite, row, where);
  return question;
}

}  // namespace

std::string option_letter(size_t index) { return {static_cast<char>('A' + index)}; }

std::vector<std::string> question_references(const std::string& suite,
                                             const Json& row,
                                             const std::string& where) {
  if (suite == "math500") {
    if (first_of(row, {"solution"}) != nullptr) {
      const auto boxed = metrics::last_boxed(json_get<std::string>(row, "solution", where));
      const auto gold = boxed ? metrics::remove_boxed(*boxed) : std::nullopt;
      if (gold) return {*gold};
    }
    return {json_get<std::string>(row, "answer", where)};
  }
  const auto options = json_get<std::vector<Json>>(row, "options", where);
  if (options.empty() || options.size() > 26) {
    user_error(where, ": \"options\" has ", options.size(), " entries, expected 1 to 26");
  }
  const auto answer = json_get<std::string>(row, "answer", where);
  const std::string last = option_letter(options.size() - 1);
  if (answer.size() != 1 || answer < "A" || answer > last) {
    user_error(where, ": \"answer\" is \"", answer, "\", expected a letter from A to ", last);
  }
  std::vector<std::string> references = {answer, last};
  if (suite == "gpqa") add_option_texts(options, references);
  return references;
}

Json question_id(const Json& row, int64_t number) {
  const Json* id = first_of(row, {"question_id", "unique_id", "id", "Record ID"});
  return id == nullptr ? Json(number) : *id;
}

std::string question_task(const std::string& suite, const Json& row, const std::string& where) {
  for (const char* key : {"category", "subject", "Subdomain"}) {
    if (const Json* name = first_of(row, {key}); name != nullptr)
      return json_get<std::string>(row, key, where);
  }
  return suite;
}

std::vector<Question> read_questions(const std::string& suite,
                                     const std::string& profile,
                                     const std::filesystem::path& data) {
  std::vector<Question> questions;
  GpqaOrder order(profile);
  rows::for_each_row({.path = data, .what = "file of questions", .columns = kColumns},
                     [&](const Json& row, int64_t number, const std::string& where) {
                       if (!row.is_object()) user_error(where, ": expected an object");
                       questions.push_back(row.contains("Correct Answer")
                                               ? gpqa_question(row, where, order)
                                               : published_question(suite, row, where));
                       questions.back().id = question_id(row, number);
                       questions.back().task = question_task(suite, row, where);
                     });
  if (questions.empty()) user_error("the file of questions ", data, " is empty");
  return questions;
}

}  // namespace retmask::eval
