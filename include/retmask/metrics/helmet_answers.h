#pragma once
// HELMET's metrics of the outputs of each of its tasks (data.py there). `output` includes
// the prefix of the answer where the prompt ended with it.

#include <string>
#include <string_view>
#include <vector>

#include "retmask/metrics/answers.h"

namespace retmask::metrics {

struct ScoredAnswer {
  AnswerMetrics metrics;
  std::string parsed;  // as by parse_answer()
};

// The better, metric by metric, of the whole output and of what parse_answer() takes from it.
// Prefixes: "answer:" (RAG, LongQA, InfiniteBench, ALCE), "corresponding value:" (JSON KV),
// "summary:" (Multi-LexSum).
ScoredAnswer score_answer(std::string_view output,
                          const std::vector<std::string>& golds,
                          std::string_view prefix = "answer:");

// ICL: only what follows "label:" counts.
ScoredAnswer score_label(std::string_view output, const std::string& gold);

// InfiniteBench's multiple choice, `golds` = {"B", "B. text"}: the letter, or the second anywhere
// in the output. Throws UserError unless there are two golds.
ScoredAnswer score_choice(std::string_view output, const std::vector<std::string>& golds);

// After the last </think>, without white space around it; all of it if there is none.
std::string after_thinking(std::string_view output);

}  // namespace retmask::metrics
