#pragma once
// ALCE's measures of answers that cite documents ("[1][3]"), as HELMET computes them
// (eval_alce.py there). Percentages are 0..100.

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::metrics {

// The output as ALCE scores it: line breaks are spaces (several in a row one), and "<|im_end|>" is
// gone.
std::string alce_output(std::string_view output);

// Deletes " [digits", "[digits", " |" and "]".
std::string without_citations(std::string_view text);

// Acceptable forms of one answer.
using AnswerForms = std::vector<std::string>;

struct StrEm {
  double share = 0.0;  // of the questions, those with an answer that occurs in the output
  double hit = 0.0;    // whether all do
};
// ASQA, one row. `output` is free of citations. Throws UserError if there are no answers.
StrEm str_em(const std::vector<AnswerForms>& answers, std::string_view output);

// QAMPARI, one row: num_preds, qampari_prec, qampari_rec, qampari_rec_top5, qampari_f1,
// qampari_f1_top5. `output` is free of citations.
std::map<std::string, double> qampari_metrics(const std::vector<AnswerForms>& answers,
                                              std::string_view output);

struct CitedDocument {
  std::string title;
  std::string text;
};

struct CitedAnswer {
  std::string question;
  std::string output;                    // with citations
  std::vector<CitedDocument> documents;  // all of the data row, not only those in the prompt
};

// Whether the premise entails the claim.
using Entailment = std::function<bool(const std::string& premise, const std::string& claim)>;
using SentenceSplitter = std::function<std::vector<std::string>(std::string_view text)>;

struct EntailmentPair {
  std::string premise;
  std::string claim;

  auto operator<=>(const EntailmentPair&) const = default;
};

// Every pair of which citation_scores() may ask, whatever the answers to the others are: of each
// statement the cited documents together, each alone, and all but each.
std::vector<EntailmentPair> entailment_pairs(const CitedAnswer& answer,
                                             bool is_list,
                                             const SentenceSplitter& split);

struct CitationScores {
  double recall = 0.0;
  double precision = 0.0;
};

// One row; nullopt if the output has no statement. Statements are the sentences of at least five
// characters; in a list (QAMPARI) each item behind the question. The first three citations of a
// statement count. `split` is not called for a list.
std::optional<CitationScores> citation_scores(const CitedAnswer& answer,
                                              bool is_list,
                                              const SentenceSplitter& split,
                                              const Entailment& entails);

}  // namespace retmask::metrics
