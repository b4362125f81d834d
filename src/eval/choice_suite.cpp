#include "retmask/eval/choice_suite.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <span>

#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/engine/prefix_logprobs.h"

namespace retmask::eval {
namespace {

Json question_row(const ChoiceQuestion& question) {
  return {{"task", question.task}, {"id", question.id}, {"gold", question.gold}};
}

int64_t longest_choice(const ChoiceQuestion& question) {
  int64_t longest = 0;
  for (const Choice& choice : question.choices) {
    longest = std::max(longest, static_cast<int64_t>(choice.tokens.size()));
  }
  return longest;
}

// Index of the largest value, the first of equals.
size_t best(const std::vector<double>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

std::vector<double> sums(const Json& choices, const char* per) {
  std::vector<double> values;
  for (const Json& choice : choices) {
    const auto sum = choice["sum"].get<double>();
    values.push_back(per == nullptr ? sum : sum / choice[per].get<double>());
  }
  return values;
}

Json scored_row(const ChoiceQuestion& question, std::span<const torch::Tensor> logprobs) {
  Json row = question_row(question);
  row["choices"] = Json::array();
  for (size_t i = 0; i < question.choices.size(); ++i) {
    const Choice& choice = question.choices[i];
    RETMASK_CHECK(torch::isfinite(logprobs[i]).all().item<bool>(), question.id.dump());
    row["choices"].push_back({{"sum", logprobs[i].to(torch::kFloat64).sum().item<double>()},
                              {"tokens", logprobs[i].size(0)},
                              {"chars", choice.chars},
                              {"bytes", choice.bytes}});
  }
  const bool right = best(sums(row["choices"], nullptr)) == static_cast<size_t>(question.gold);
  row["score"] = right ? 1 : 0;
  return row;
}

Json error_row(const ChoiceQuestion& question, int64_t max_tokens) {
  Json row = question_row(question);
  row["error"] = detail::concat(
      longest_choice(question), " tokens, more than the model's maximum of ", max_tokens);
  return row;
}

// Neighbours share the longest contexts.
std::vector<size_t> sorted_by_tokens(const std::vector<ChoiceQuestion>& questions,
                                     std::vector<size_t> which) {
  std::stable_sort(which.begin(), which.end(), [&](size_t a, size_t b) {
    return questions[a].choices[0].tokens < questions[b].choices[0].tokens;
  });
  return which;
}

// Tokens of `question` that its own earlier choices and the question before it do not have.
int64_t count_new_tokens(const ChoiceQuestion* before, const ChoiceQuestion& question) {
  int64_t tokens = 0;
  const std::vector<int64_t>* last = before == nullptr ? nullptr : &before->choices[0].tokens;
  for (const Choice& choice : question.choices) {
    const auto& own = choice.tokens;
    const auto common =
        last == nullptr
            ? 0
            : std::mismatch(own.begin(), own.end(), last->begin(), last->end()).first - own.begin();
    tokens += static_cast<int64_t>(own.size()) - common;
    last = &own;
  }
  return tokens;
}

struct Counts {
  int64_t questions = 0;
  int64_t errors = 0;
  int64_t right = 0;
  int64_t right_per_char = 0;
  int64_t right_per_byte = 0;
  int64_t right_per_token = 0;
  double bits_per_byte = 0.0;  // sum

  void add(const Json& prediction) {
    if (prediction.contains("error")) {
      ++errors;
      return;
    }
    ++questions;
    const Json& choices = prediction["choices"];
    const auto gold = prediction["gold"].get<size_t>();
    right += best(sums(choices, nullptr)) == gold;
    right_per_char += best(sums(choices, "chars")) == gold;
    right_per_byte += best(sums(choices, "bytes")) == gold;
    right_per_token += best(sums(choices, "tokens")) == gold;
    bits_per_byte -= sums(choices, "bytes")[gold] / std::log(2.0);
  }

  Json to_json() const {
    const auto mean = [&](double sum) {
      return questions == 0 ? Json() : Json(sum / static_cast<double>(questions));
    };
    return {{"questions", questions},
            {"errors", errors},
            {"acc", mean(static_cast<double>(right))},
            {"acc_per_char", mean(static_cast<double>(right_per_char))},
            {"acc_per_byte", mean(static_cast<double>(right_per_byte))},
            {"acc_per_token", mean(static_cast<double>(right_per_token))},
            {"bits_per_byte", mean(bits_per_byte)}};
  }
};

}  // namespace

std::vector<ChoiceQuestion> first_questions(std::vector<ChoiceQuestion> questions,
                                            std::optional<int64_t> max_samples) {
  if (!max_samples) return questions;
  std::map<std::string, int64_t> counts;
  std::erase_if(questions, [&](const ChoiceQuestion& question) {
    return ++counts[question.task] > *max_samples;
  });
  return questions;
}

SampleJournal open_journal(const std::filesystem::path& path,
                           const std::vector<ChoiceQuestion>& questions) {
  std::vector<Json> identities;
  for (const ChoiceQuestion& question : questions) identities.push_back(question_row(question));
  return SampleJournal(path, identities);
}

AnsweredQuestions run_choice(const Subject& subject,
                             const std::vector<ChoiceQuestion>& questions,
                             const ChoiceOptions& options,
                             SampleJournal& journal) {
  options.validate();
  const int64_t max_tokens = subject.model.config().max_positions;
  std::vector<size_t> waiting;
  for (const size_t i : journal.waiting()) {
    if (longest_choice(questions[i]) > max_tokens) {
      journal.finish(i, error_row(questions[i], max_tokens));
    } else {
      waiting.push_back(i);
    }
  }
  waiting = sorted_by_tokens(questions, std::move(waiting));

  const auto total = static_cast<int64_t>(questions.size());
  Progress progress(
      "eval choice", total, "questions", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  for (size_t begin = 0; begin < waiting.size();) {
    std::vector<std::vector<int64_t>> sequences;
    std::vector<int64_t> first;
    size_t end = begin;
    int64_t tokens = 0;
    for (; end < waiting.size(); ++end) {
      const ChoiceQuestion& question = questions[waiting[end]];
      tokens += count_new_tokens(end == begin ? nullptr : &questions[waiting[end - 1]], question);
      if (end > begin && tokens > options.batch_tokens) break;
      for (const Choice& choice : question.choices) {
        sequences.push_back(choice.tokens);
        first.push_back(choice.begin);
      }
    }
    const std::vector<torch::Tensor> logprobs =
        prefix_logprobs(subject.model, sequences, first, subject.masked_heads);
    std::span<const torch::Tensor> remaining(logprobs);
    for (; begin < end; ++begin) {
      const ChoiceQuestion& question = questions[waiting[begin]];
      journal.finish(waiting[begin],
                     scored_row(question, remaining.first(question.choices.size())));
      remaining = remaining.subspan(question.choices.size());
      progress.advance();
    }
  }
  progress.finish();
  return {
      .answered_now = static_cast<int64_t>(waiting.size()),
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

Json choice_results_json(const std::vector<Json>& predictions) {
  Counts all;
  std::vector<std::pair<std::string, Counts>> tasks;  // in order of first occurrence
  for (const Json& prediction : predictions) {
    const auto name = prediction["task"].get<std::string>();
    auto task = std::find_if(
        tasks.begin(), tasks.end(), [&](const auto& other) { return other.first == name; });
    if (task == tasks.end()) task = tasks.insert(tasks.end(), {name, Counts{}});
    task->second.add(prediction);
    all.add(prediction);
  }
  Json results = {{"suite", "choice"}};
  results.update(all.to_json());
  results["tasks"] = Json::array();
  for (const auto& [name, counts] : tasks) {
    Json task = {{"task", name}};
    task.update(counts.to_json());
    results["tasks"].push_back(std::move(task));
  }
  return results;
}

}  // namespace retmask::eval
