#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "retmask/base/error.h"
#include "retmask/eval/choice_suite.h"
#include "retmask/rows/row_files.h"

namespace retmask::eval {
namespace {

constexpr const char* kWhiteSpace = " \t\n\v\f\r";

int64_t count_code_points(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
}

Choice encode_choice(const Tokenizer& tokenizer,
                     std::optional<int64_t> prefix_token,
                     const std::string& context,
                     const std::string& continuation,
                     const std::string& where) {
  if (continuation.empty()) user_error(where, ": \"continuation\" is empty");
  Choice choice{.tokens = tokenizer.encode(context + continuation, /*add_special_tokens=*/true),
                .begin = 0,
                .chars = count_code_points(continuation),
                .bytes = static_cast<int64_t>(continuation.size())};
  const std::string without_space = context.substr(0, context.find_last_not_of(kWhiteSpace) + 1);
  size_t begin = tokenizer.encode(without_space, /*add_special_tokens=*/true).size();
  if (begin == 0) {
    if (!prefix_token) {
      user_error(
          where,
          ": the context has no tokens, and the tokenizer has neither bos_token nor eos_token "
          "to predict the continuation's first");
    }
    choice.tokens.insert(choice.tokens.begin(), *prefix_token);
    begin = 1;
  }
  // A context that ends inside a token of the whole text can have more tokens on its own.
  choice.begin = static_cast<int64_t>(std::min(begin, choice.tokens.size() - 1));
  return choice;
}

int64_t read_gold(const Json& row, const std::string& where) {
  const Json doc = json_get_or<Json>(row, "doc", Json::object(), where);
  if (doc.is_object() && doc.contains("gold")) return json_get<int64_t>(doc, "gold", where);
  const Json target = json_get_or<Json>(row, "target", Json(), where);
  if (target.is_number_integer()) return target.get<int64_t>();
  if (target.is_string()) {
    const auto& digits = target.get_ref<const std::string&>();
    const bool is_number = !digits.empty() && digits.size() < 10 &&
                           digits.find_first_not_of("0123456789") == std::string::npos;
    if (is_number) return std::stoll(digits);
  }
  user_error(where,
             ": the index of the right choice is missing: expected an integer in doc.gold or "
             "target");
}

// The pairs of "arguments": an array of [context, continuation], or an object of objects with two
// members each.
// The elements of a list, or of an object whose names are `prefix` and a number each, as
// lm-evaluation-harness writes lists; in the order of the numbers. Nothing if it is neither.
std::optional<std::vector<Json>> numbered(const Json& json, const std::string& prefix) {
  if (json.is_array()) return json.get<std::vector<Json>>();
  if (!json.is_object()) return std::nullopt;
  std::vector<Json> elements;
  for (size_t i = 0; i < json.size(); ++i) {
    const auto found = json.find(prefix + std::to_string(i));
    if (found == json.end()) return std::nullopt;
    elements.push_back(*found);
  }
  // Parquet gives all rows the names of the longest.
  while (!elements.empty() && elements.back().is_null()) elements.pop_back();
  return elements;
}

std::vector<std::pair<std::string, std::string>> read_arguments(const Json& arguments,
                                                                const std::string& where) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto choices = numbered(arguments, "gen_args_");
  if (!choices) {
    user_error(where, ": \"arguments\" is neither a list nor has gen_args_0, gen_args_1, ...");
  }
  for (const Json& argument : *choices) {
    std::vector<std::string> texts;
    for (const Json& text : numbered(argument, "arg_").value_or(std::vector<Json>())) {
      if (text.is_string()) texts.push_back(text.get<std::string>());
    }
    if (texts.size() != 2 || argument.size() != 2) {
      user_error(where,
                 ": \"arguments\" holds ",
                 argument.dump().substr(0, 80),
                 ", expected a context and a continuation");
    }
    pairs.emplace_back(std::move(texts[0]), std::move(texts[1]));
  }
  return pairs;
}

// Collects the rows of each question.
class QuestionCollector {
 public:
  QuestionCollector(const Tokenizer& tokenizer, std::optional<int64_t> prefix_token)
      : tokenizer_(tokenizer), prefix_token_(prefix_token) {}

  void add(const Json& row, const std::string& where) {
    if (!row.is_object())
      user_error(where, ": expected an object, found ", row.dump().substr(0, 80));
    const Json id = json_get<Json>(row, "doc_id", where);
    if (!id.is_number_integer() && !id.is_string()) {
      user_error(where, ": \"doc_id\" has the wrong type: ", id.dump().substr(0, 80));
    }
    const auto task = json_get_or<std::string>(row, "task_name", "", where);
    const auto [found, is_new] = index_.try_emplace({task, id.dump()}, questions_.size());
    if (is_new) {
      questions_.push_back(
          {.question = {.task = task, .id = id, .gold = read_gold(row, where)}, .where = where});
    }
    Collected& collected = questions_[found->second];
    if (row.contains("arguments")) {
      if (!is_new) user_error(where, ": the question ", id.dump(), " occurs twice");
      for (const auto& [context, continuation] :
           read_arguments(json_get<Json>(row, "arguments", where), where)) {
        add_choice(collected, std::nullopt, context, continuation, where);
      }
      return;
    }
    if (read_gold(row, where) != collected.question.gold) {
      user_error(where, ": the rows of question ", id.dump(), " differ in the right choice");
    }
    collected.expected = count_choices(row, where);
    const Json request = json_get<Json>(row, "request", where);
    std::optional<int64_t> number;
    if (row.contains("idx") && !row["idx"].is_null()) number = json_get<int64_t>(row, "idx", where);
    add_choice(collected,
               number,
               json_get<std::string>(request, "context", where),
               json_get<std::string>(request, "continuation", where),
               where);
  }

  std::vector<ChoiceQuestion> finish() {
    std::vector<ChoiceQuestion> questions;
    for (Collected& collected : questions_) {
      check(collected);
      questions.push_back(std::move(collected.question));
    }
    return questions;
  }

 private:
  struct Collected {
    ChoiceQuestion question;
    std::string where = {};                  // of its first row
    std::optional<size_t> expected = {};     // number of choices, if the rows tell
    std::map<int64_t, size_t> numbers = {};  // "idx" to place in `choices`
  };

  static std::optional<size_t> count_choices(const Json& row, const std::string& where) {
    const Json doc = json_get_or<Json>(row, "doc", Json::object(), where);
    if (!doc.is_object() || !doc.contains("choices") || !doc["choices"].is_array()) return {};
    return doc["choices"].size();
  }

  void add_choice(Collected& collected,
                  std::optional<int64_t> number,
                  const std::string& context,
                  const std::string& continuation,
                  const std::string& where) {
    std::vector<Choice>& choices = collected.question.choices;
    const auto place = static_cast<int64_t>(choices.size());
    if (!collected.numbers.emplace(number.value_or(place), choices.size()).second) {
      user_error(where,
                 ": choice ",
                 number.value_or(place),
                 " of question ",
                 collected.question.id.dump(),
                 " occurs twice");
    }
    choices.push_back(encode_choice(tokenizer_, prefix_token_, context, continuation, where));
  }

  static void check(Collected& collected) {
    ChoiceQuestion& question = collected.question;
    const size_t count = question.choices.size();
    const auto complain = [&](const auto&... what) {
      user_error(collected.where, ": question ", question.id.dump(), " ", what...);
    };
    if (collected.expected && *collected.expected != count) {
      complain("has ", *collected.expected, " choices, but there are requests for ", count);
    }
    if (question.gold < 0 || question.gold >= static_cast<int64_t>(count)) {
      complain("has the right choice ", question.gold, ", but only ", count, " choices");
    }
    std::vector<Choice> ordered;
    for (const auto& [number, place] : collected.numbers) {
      if (number != static_cast<int64_t>(ordered.size())) {
        complain("lacks choice ", ordered.size());
      }
      ordered.push_back(std::move(question.choices[place]));
    }
    question.choices = std::move(ordered);
  }

  const Tokenizer& tokenizer_;
  const std::optional<int64_t> prefix_token_;
  std::vector<Collected> questions_;
  std::map<std::pair<std::string, std::string>, size_t> index_;  // by task and id
};

}  // namespace

std::vector<ChoiceQuestion> read_choice_file(const std::filesystem::path& path,
                                             const Tokenizer& tokenizer,
                                             std::optional<int64_t> prefix_token) {
  QuestionCollector collector(tokenizer, prefix_token);
  rows::for_each_row(
      {.path = path,
       .what = "request file",
       .columns = {"doc", "request", "doc_id", "idx", "task_name", "arguments", "target"},
       .hint = "expected doc, request and doc_id, or arguments, target and doc_id"},
      [&](const Json& row, int64_t, const std::string& where) { collector.add(row, where); });
  std::vector<ChoiceQuestion> questions = collector.finish();
  if (questions.empty()) user_error("the request file ", path, " is empty");
  return questions;
}

}  // namespace retmask::eval
