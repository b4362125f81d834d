#pragma once
// Concentration of scores on few of the heads. Scores below 0 count as 0: such a head has no
// share. All are NaN when no score is above 0.

#include <span>

namespace retmask {

// Share of the total that the top `fraction` of the scores hold: of the ceil(fraction x n) highest,
// at least one. 1: they hold everything.
double top_share(std::span<const double> scores, double fraction);

// Gini coefficient: 0 when all are equal, 1 - 1/n when one has everything (Hurley & Rickard 2009,
// "Comparing Measures of Sparsity", table I).
double gini(std::span<const double> scores);

// (sqrt(n) - |x|_1 / |x|_2) / (sqrt(n) - 1): 0 when all are equal, 1 when one has everything (Hoyer
// 2004, "Non-negative Matrix Factorization with Sparseness Constraints"). NaN for a single score.
double hoyer(std::span<const double> scores);

}  // namespace retmask
