#pragma once
// Comparing a short answer with the right ones, as HELMET does (utils.py there, after DensePhrases
// and SQuAD).

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::metrics {

// Lower case, without ASCII punctuation and without the words a, an and the; words are joined by
// single spaces.
std::string normalize_answer(std::string_view text);

bool exact_match(std::string_view prediction, std::string_view gold);
// The normalised gold is part of the normalised prediction; so an empty one always is.
bool substring_exact_match(std::string_view prediction, std::string_view gold);

struct F1Score {
  double f1 = 0.0;
  double precision = 0.0;
  double recall = 0.0;
};

// Overlap of normalised words, counted with multiplicity. Zero if nothing is common, and if one of
// both is yes, no or noanswer and the other is not the same.
F1Score f1_score(std::string_view prediction, std::string_view gold);

// Metrics of one answer by name; true is 1.
using AnswerMetrics = std::map<std::string, double, std::less<>>;

// exact_match, f1, substring_exact_match, and of ROUGE with stems rougeL_f1, rougeL_recall,
// rougeLsum_f1, rougeLsum_recall: each is the maximum over `golds`, on its own. Throws UserError
// if there are no golds.
AnswerMetrics answer_metrics(std::string_view prediction, const std::vector<std::string>& golds);

// The share of golds that occur in the output, ignoring case and nothing else (RULER). Throws
// UserError if there are no golds.
double ruler_recall(std::string_view output, const std::vector<std::string>& golds);

// The rest of the line behind the first `prefix` (in lower case; case is ignored), or else the
// first line; without white space around it and without one more prefix at its start.
std::string parse_answer(std::string_view output, std::string_view prefix = "answer:");

}  // namespace retmask::metrics
