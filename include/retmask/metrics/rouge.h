#pragma once
// ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum as google's rouge_score 0.1.2 computes them
// (rouge_scorer.RougeScorer([...], use_stemmer)). All scores are zero if either side has no tokens.

#include <string>
#include <string_view>
#include <vector>

namespace retmask {

struct RougeScore {
  double precision = 0.0;
  double recall = 0.0;
  double fmeasure = 0.0;
};

struct RougeOptions {
  bool use_stemmer = false;  // Porter-stem tokens of more than three characters
};

// Lower-cased runs of [a-z0-9]; everything else is a separator. `text` is UTF-8.
std::vector<std::string> rouge_tokenize(std::string_view text, const RougeOptions& options);

// Overlap of single tokens and of pairs of neighbours, counted with multiplicity.
RougeScore rouge1(std::string_view target,
                  std::string_view prediction,
                  const RougeOptions& options);
RougeScore rouge2(std::string_view target,
                  std::string_view prediction,
                  const RougeOptions& options);

// Longest common subsequence, line breaks being white space like any other.
RougeScore rouge_l(std::string_view target,
                   std::string_view prediction,
                   const RougeOptions& options);

// The lines are the sentences: of each sentence of the target, the tokens in a longest common
// subsequence with any sentence of the prediction count, each as often as both sides have it.
RougeScore rouge_lsum(std::string_view target,
                      std::string_view prediction,
                      const RougeOptions& options);

}  // namespace retmask
