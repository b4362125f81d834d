#pragma once
// Suite "choice": multiple choice by the log-probability of each choice.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/sample_journal.h"
#include "retmask/eval/options.h"
#include "retmask/eval/subject.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::eval {

struct Choice {
  std::vector<int64_t> tokens = {};  // context and continuation
  int64_t begin = 0;                 // index of the continuation's first token
  int64_t chars = 0;                 // code points of the continuation as given
  int64_t bytes = 0;
};

struct ChoiceQuestion {
  std::string task = {};
  Json id = {};
  int64_t gold = 0;  // index of the right choice
  std::vector<Choice> choices = {};
};

// Reads a file of requests and tokenizes them. Two forms:
//   one row per choice, as of OLMES (allenai/olmes, *-requests.jsonl): "doc" with "gold", "request"
//   with "context" and "continuation", "doc_id", optionally "idx" (number of the choice) and
//   "task_name";
//   one row per question, as of lm-evaluation-harness (samples_*.jsonl): "arguments" with a context
//   and a continuation each, "target", "doc_id".
// Context and continuation are encoded together; the continuation's tokens are those behind the
// context's own. Trailing white space of a context counts as part of the continuation, as in
// lm-evaluation-harness; where no token precedes the continuation, `prefix_token` does
// (tokenizer.h). Throws UserError with file and line for a malformed row, and for a
// question whose choices are incomplete.
std::vector<ChoiceQuestion> read_choice_file(const std::filesystem::path& path,
                                             const Tokenizer& tokenizer,
                                             std::optional<int64_t> prefix_token);

// The first `max_samples` questions of each task, in their order.
std::vector<ChoiceQuestion> first_questions(std::vector<ChoiceQuestion> questions,
                                            std::optional<int64_t> max_samples);

struct AnsweredQuestions {
  int64_t answered_now = 0;  // excluding those of an earlier run
  double seconds = 0.0;      // spent on those
};

// The journal of these questions, predictions.jsonl. Throws UserError like SampleJournal.
SampleJournal open_journal(const std::filesystem::path& path,
                           const std::vector<ChoiceQuestion>& questions);

// Answers the questions that wait in the journal, with one row each: {"task", "id", "gold",
// "choices": [{"sum", "tokens", "chars", "bytes"}, ...], "score"} with the natural log-probability
// of each continuation; "score" is 1 if the right choice has the largest sum. A question longer
// than the model's maximum has "error" instead of "choices". Contexts that questions share are
// computed once. Throws UserError for bad options.
AnsweredQuestions run_choice(const Subject& subject,
                             const std::vector<ChoiceQuestion>& questions,
                             const ChoiceOptions& options,
                             SampleJournal& journal);

// {"suite", "questions", "errors", "acc", "acc_per_char", "acc_per_byte", "acc_per_token",
// "bits_per_byte", "tasks": [the same per task]}: the share of questions whose right choice has the
// largest sum, or the largest sum per character, byte or token; the first of equals wins. Bits per
// byte is the mean over the right choices. Lengths count the continuation as given, with its
// leading space, as OLMES does. Means are null without questions.
Json choice_results_json(const std::vector<Json>& predictions);

}  // namespace retmask::eval
