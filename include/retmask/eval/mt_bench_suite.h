#pragma once
// Suite "mt-bench": conversations of two turns, graded by a judge (Zheng et al. 2023, "Judging
// LLM-as-a-Judge with MT-Bench and Chatbot Arena"; github.com/lm-sys/FastChat, fastchat/llm_judge).
// Single answers are graded from 1 to 10; settings are in configs/eval/mt-bench.json.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/eval/judge.h"
#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct MtBenchOptions {
  std::string profile = {};    // empty: official
  int64_t max_samples = 100;   // questions, the first of the data
  int64_t max_new_tokens = 0;  // per turn; 0: the profile's

  // Throws UserError.
  void validate() const;
  std::string resolved_profile() const;
};

constexpr int kMtBenchTurns = 2;

struct MtBenchQuestion {
  Json id = {};
  std::string category = {};
  std::array<std::string, kMtBenchTurns> turns = {};

  bool needs_reference() const;
};

// question.jsonl, its first `max_samples` rows. Throws UserError.
std::vector<MtBenchQuestion> read_mt_bench_questions(const std::filesystem::path& data,
                                                     int64_t max_samples);

// One sample per question and answer, as often as the profile asks: id QUESTION-SAMPLE-1, task: the
// category, with "question", "sample" and "turn" in its row. Throws UserError if the encoder has no
// chat template.
std::vector<Sample> first_turns(const MtBenchOptions& options,
                                const std::vector<MtBenchQuestion>& questions,
                                const PromptEncoder& encoder);

// The second turn of each row of first_turns(), id QUESTION-SAMPLE-2, behind the answer in the row.
// A row without an answer has none.
std::vector<Sample> second_turns(const MtBenchOptions& options,
                                 const std::vector<MtBenchQuestion>& questions,
                                 const std::vector<Json>& first_rows,
                                 const PromptEncoder& encoder);

// The rows of both turns, in this order; of a second turn that was not asked, one with an error.
std::vector<Json> both_turns(const std::vector<Json>& first_rows,
                             const std::vector<Json>& second_rows);

struct JudgePrompt {
  std::string system;  // message
  std::string text;    // str.format() template of the user's message
};

// Prompts and reference answers with which a judge grades answers.
struct MtBenchRubric {
  std::map<std::string, JudgePrompt> prompts =
      {};  // single-v1, single-math-v1 and both -multi-turn
  std::string prompts_file = {};
  std::map<std::string, std::vector<std::string>> references = {};  // turns, by question
  std::string references_file = {};
};

// judge_prompts.jsonl and, unless empty, reference_answer/gpt-4.jsonl. Throws UserError.
MtBenchRubric read_mt_bench_rubric(const std::filesystem::path& prompts,
                                   const std::filesystem::path& references);

// One request per row that has an answer, with the row's id; of a second turn, with the whole
// conversation. Throws UserError for a question without a reference that needs one, and for rows of
// other questions.
std::vector<JudgeRequest> mt_bench_requests(const std::vector<MtBenchQuestion>& questions,
                                            const std::vector<Json>& rows,
                                            const MtBenchRubric& rubric);

// Adds to each row "verdict", the judge's reply (null if there is none), and "score": its grade;
// null without a reply and without a grade in it.
void grade_mt_bench(std::vector<Json>& rows, const JudgeReplies& replies);

// The rows of an earlier run's predictions.jsonl. Throws UserError with file and line.
std::vector<Json> read_mt_bench_rows(const std::filesystem::path& predictions);

// {"suite", "profile", "tasks": [{"task", "turn", "score", "total", "errors": rows without an
// answer, "missing": answers without a verdict, "invalid": verdicts without a grade}, ...],
// "turns": the same per turn, "score": mean of the grades, 1 to 10, "paper_score": the scale of Ma
// & Okazaki, table 5, 0 to 1, "total", "errors", "missing", "invalid"}. A score is a mean over the
// grades, as in the original, which leaves out invalid verdicts; it is null if anything is missing,
// in error, or if there are no grades. "paper_score", as in swallow-evaluation-instruct: a
// question's samples are averaged per turn, then its turns, with -1 for an invalid verdict, and
// divided by 10.
Json mt_bench_results_json(const MtBenchOptions& options, const std::vector<Json>& rows);

}  // namespace retmask::eval
