#pragma once
// Replies of LLM judges, and the scores made of them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::metrics {

// The answer as HELMET shows it to the judge of NarrativeQA: parse_answer() of the output as one
// line.
std::string judged_answer(std::string_view output);
// Python's repr() of a list of strings, as the judge of NarrativeQA gets the right answers.
std::string python_list(const std::vector<std::string>& items);

// The last {...} of a reply (up to the first closing brace), if it is JSON.
std::optional<Json> last_json_object(std::string_view reply);
// The same, or else the block between the first "```json" and the last "```".
std::optional<Json> last_json_object_or_block(std::string_view reply);

// NarrativeQA: fluency (0, 1) and correctness (0..3); nullopt for a reply without both as numbers.
struct AnswerVerdict {
  double fluency = 0.0;
  double correctness = 0.0;
};
std::optional<AnswerVerdict> answer_verdict(std::string_view reply);

// Summaries: three replies, on fluency, recall of the key points, and precision.
struct SummaryVerdict {
  double fluency = 0.0;
  double recall = 0.0;
  double precision = 0.0;
  double f1 = 0.0;  // times fluency
};
// nullopt if a reply is missing or without its numbers. Recall and precision can exceed 1: nothing
// is clamped.
std::optional<SummaryVerdict> summary_verdict(const std::optional<std::string>& fluency_reply,
                                              const std::optional<std::string>& recall_reply,
                                              const std::optional<std::string>& precision_reply,
                                              size_t key_points);

// MT-Bench: the first [[number]], else the first [number]; nullopt if there is none.
std::optional<double> mt_bench_rating(std::string_view reply);

}  // namespace retmask::metrics
