#pragma once
// Rankings of documents out of a model's output, and trec_eval's measures of them.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retmask::metrics {

// Best first; a higher score is better.
using Ranking = std::vector<std::pair<std::string, int64_t>>;

// HELMET's parse_rankings: of the runs "3 > 1 > 2" the longest, as ids with falling scores. An id
// that occurs twice keeps its first place. Without digits, the whole text (lower case, without
// brackets, colons and "id") is the only id.
Ranking parse_ranking(std::string_view output);

// Relevance of a query's documents, by id.
using Relevance = std::map<std::string, int64_t>;

// NDCG@k, MAP@k, Recall@k and P@k for each cutoff k, and MRR, as pytrec_eval computes them for one
// query, each rounded to five decimals. NDCG has linear gains; the others take a label of 1 or more
// for relevant.
std::map<std::string, double> retrieval_metrics(const Ranking& ranking,
                                                const Relevance& relevance,
                                                const std::vector<int64_t>& cutoffs);

}  // namespace retmask::metrics
