#pragma once
// ROUGE-1 as google's rouge_score 0.1.2 computes it (rouge_scorer.RougeScorer(["rouge1"],
// use_stemmer)).

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

// Unigram overlap, counted with multiplicity. All zero if either side has no tokens.
RougeScore rouge1(std::string_view target,
                  std::string_view prediction,
                  const RougeOptions& options);

}  // namespace retmask
