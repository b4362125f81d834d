#pragma once
// Suite "humaneval": programs that a model wrote, judged by running their tests in a sandbox.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/base/sandbox.h"
#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct HumanEvalOptions {
  std::string profile = {};  // whose prompt and program; empty: official
  int64_t max_samples = 164;
  bool allow_code_execution = false;
  int64_t workers = 1;  // programs that run at the same time

  // Throws UserError, also unless code may be executed.
  void validate() const;
  std::string resolved_profile() const;
};

struct CodeProblem {
  std::string id;  // "HumanEval/0"
  std::string prompt;
  std::string test;
  std::string entry_point;
};

// HumanEval.jsonl(.gz), in its order. Throws UserError for a malformed row.
std::vector<CodeProblem> read_code_problems(const std::filesystem::path& data);

// The program that decides about a model's output: of `profile`, with the problem's tests.
std::string test_program(const std::string& profile,
                         const CodeProblem& problem,
                         const std::string& output);

std::vector<Sample> build_code_samples(const HumanEvalOptions& options,
                                       const std::vector<CodeProblem>& problems,
                                       const PromptEncoder& encoder);

// Rows with "task_id" (or "id") and "completion" (or "answer"); several of one problem are samples.
// Returns them in the form of predictions.jsonl, not judged. Throws UserError for a malformed row.
std::vector<Json> read_completions(const std::filesystem::path& answers);

struct CodeVerdicts {
  std::vector<Json> rows;  // with "score" (1 or 0), "correct" and "result": "passed" or the reason
  std::string isolation;   // of the sandbox, in words
  bool is_isolated = false;
  std::string python;  // the interpreter
};

// Runs the program of each row. One that fails, hangs or does harm fails alone. Throws UserError
// for an unknown problem, and if there is no python3.
CodeVerdicts judge_code(const HumanEvalOptions& options,
                        const std::vector<CodeProblem>& problems,
                        std::vector<Json> rows);

// task_results_json() and {"profile", "total", "problems", "accuracy": over the rows, "pass@1",
// "pass@10" if there are so many samples of each problem, "isolation", "python"}.
Json code_results_json(const HumanEvalOptions& options, const CodeVerdicts& verdicts);

}  // namespace retmask::eval
