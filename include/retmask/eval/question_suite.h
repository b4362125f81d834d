#pragma once
// Suites "mmlu-pro", "gpqa" and "math500": questions with one right answer. Their prompts and
// metrics per profile are in configs/eval.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct QuestionOptions {
  std::string suite;
  std::string profile = {};   // whose prompt and metric; empty: the suite's default
  int64_t max_samples = 100;  // the first of the data

  // Throws UserError that lists the suite's profiles.
  void validate() const;
  std::string resolved_profile() const;
};

// Samples of the questions in a data file, in its order: MMLU-Pro's and MATH-500's rows as
// published, GPQA's with its columns ("Question", "Correct Answer", ...). Throws UserError for a
// malformed row and for a profile without a prompt of its own.
std::vector<Sample> build_question_samples(const QuestionOptions& options,
                                           const std::filesystem::path& data,
                                           const PromptEncoder& encoder);

// Judges answers of any model: rows with "model_output" (or "output", "response", "completion") and
// the question's "options" and "answer" (a letter), for math500 "solution" or "answer"; or rows of
// our own predictions.jsonl. Returns them in the latter's form. Throws UserError for a malformed
// row.
std::vector<Json> judge_given_answers(const QuestionOptions& options,
                                      const std::filesystem::path& answers);

// task_results_json() and {"profile", "total", "accuracy": over all rows, "without_answer": rows
// from which no answer can be taken, and of math500 "exact_match" and "math_equal"}.
Json question_results_json(const QuestionOptions& options, const std::vector<Json>& rows);

}  // namespace retmask::eval
