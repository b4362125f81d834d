// HELMET's LongQA and Summ: books of InfiniteBench (load_infbench of data.py there).

#include <algorithm>
#include <set>

#include "builtin_data.h"
#include "helmet_example.h"
#include "retmask/base/error.h"
#include "retmask/base/numpy_random.h"
#include "retmask/jinja/unicode.h"

namespace retmask::eval::helmet {
namespace {

// What the templates and the metrics need of a row.
struct Book {
  std::string id;
  std::string context;
  std::string question;
  std::string options;      // "A. ...\nB. ..."
  std::string demo_answer;  // as a demonstration shows it
  Json gold;
};

void add_options(const DataRow& row, const std::string& right, Book& book) {
  constexpr const char* kLetters = "ABCD";
  const std::vector<std::string> options = row.texts("options");
  const auto found = std::find(options.begin(), options.end(), right);
  if (options.size() != 4 || found == options.end()) {
    user_error(row.where, ": \"options\" must be four texts, one of them \"", right, "\"");
  }
  std::vector<std::string> lines;
  for (size_t i = 0; i < options.size(); ++i) {
    lines.push_back(std::string(1, kLetters[i]) + ". " + options[i]);
  }
  const auto index = static_cast<size_t>(found - options.begin());
  book.options = joined(lines, "\n");
  book.demo_answer = std::string(1, kLetters[index]);
  book.gold = {book.demo_answer, lines[index]};
}

Book book_of(const Task& task, const DataRow& row) {
  const std::vector<std::string> answers = row.texts("answer");
  if (answers.empty()) user_error(row.where, ": \"answer\" is empty");
  Book book{.id = row.key_text("id"),
            .context = row.text("context"),
            .question = row.text("input"),
            .options = "",
            .demo_answer = answers.front(),
            .gold = answers};
  if (task.base == "infbench_choice_eng") add_options(row, answers.front(), book);
  if (task.base == "infbench_sum_eng") {
    book.demo_answer = jinja::strip_spaces(answers.front(), /*left=*/true, /*right=*/true);
  }
  return book;
}

std::string demo_text(const ExampleRequest& request,
                      const std::vector<Book>& books,
                      const Book& own) {
  if (request.task.shots == 0) return "";
  std::vector<const Book*> others;
  for (const Book& book : books) {
    if (book.id != own.id) others.push_back(&book);
  }
  std::vector<std::string> demos;
  for (const uint64_t i : numpy_permutation(request.task.seed, others.size())) {
    if (demos.size() == static_cast<size_t>(request.task.shots)) break;
    demos.push_back(fill_template(request.style("demo"),
                                  {{"question", others[i]->question},
                                   {"options", others[i]->options},
                                   {"answer", others[i]->demo_answer}}));
  }
  if (demos.size() < static_cast<size_t>(request.task.shots)) {
    user_error(request.task.test_file, " has fewer other rows than --shots ", request.task.shots);
  }
  return fill_template(request.style("demos"), {{"demos", joined(demos, "\n\n")}});
}

}  // namespace

std::vector<Example> load_infbench(const ExampleRequest& request) {
  const Task& task = request.task;
  std::vector<std::string> fields = {"id", "context", "input", "answer"};
  if (task.base == "infbench_choice_eng") fields.push_back("options");
  std::vector<Book> books;
  for (const DataRow& row : request.test_rows(fields)) books.push_back(book_of(task, row));
  std::vector<const Book*> kept;
  for (const Book& book : books) {
    if (request.is_long_enough(book.context)) kept.push_back(&book);
  }
  std::vector<Example> examples;
  for (const size_t i : shuffled_selection(task, kept.size())) {
    const Book& book = *kept[i];
    examples.push_back({.key = book.id,
                        .fields = {{"context", request.cut(book.context)},
                                   {"question", book.question},
                                   {"options", book.options},
                                   {"demos", demo_text(request, books, book)}},
                        .gold = book.gold});
  }
  return examples;
}

}  // namespace retmask::eval::helmet
