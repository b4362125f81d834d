#include "retmask/metrics/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "python_text.h"
#include "retmask/base/format_text.h"
#include "retmask/jinja/unicode.h"

namespace retmask::metrics {
namespace {

// First index behind the characters of `text` from `at` on for which `belongs` holds.
template <typename Belongs>
size_t skip(std::u32string_view text, size_t at, const Belongs& belongs) {
  while (at < text.size() && belongs(text[at])) ++at;
  return at;
}

// End of the longest match of \d+(\s*>\s*\d+)* at `begin`, where a digit is.
size_t end_of_run(std::u32string_view text, size_t begin) {
  size_t end = skip(text, begin, jinja::is_decimal);
  while (true) {
    size_t at = skip(text, end, jinja::is_space);
    if (at == text.size() || text[at] != U'>') return end;
    at = skip(text, at + 1, jinja::is_space);
    if (at == text.size() || !jinja::is_decimal(text[at])) return end;
    end = skip(text, at, jinja::is_decimal);
  }
}

std::u32string_view longest_run(std::u32string_view text) {
  std::u32string_view longest;
  for (size_t at = 0; at < text.size();) {
    if (!jinja::is_decimal(text[at])) {
      ++at;
      continue;
    }
    const size_t end = end_of_run(text, at);
    if (end - at > longest.size()) longest = text.substr(at, end - at);
    at = end;
  }
  return longest;
}

double discounted_gain(const std::vector<int64_t>& gains, int64_t cutoff) {
  double sum = 0.0;
  for (size_t rank = 0; rank < gains.size() && rank < static_cast<size_t>(cutoff); ++rank) {
    sum += static_cast<double>(gains[rank]) / std::log2(static_cast<double>(rank) + 2.0);
  }
  return sum;
}

double part(double value, double whole) { return whole == 0.0 ? 0.0 : value / whole; }

// Python's round(value, 5).
double rounded(double value) { return std::strtod(format_text("%.5f", value).c_str(), nullptr); }

}  // namespace

Ranking parse_ranking(std::string_view output) {
  std::string text(output);
  std::erase_if(text, [](char c) { return c == '[' || c == ']' || c == ':'; });
  text = replace_all(jinja::lower_case(text), "id", "");
  const std::u32string code_points = jinja::to_code_points(text);
  const std::string run = jinja::to_utf8(longest_run(code_points));
  std::vector<std::string> ids = {text};
  if (!run.empty()) {
    ids.clear();
    for (const std::string_view piece : split_at(run, ">")) ids.emplace_back(strip(piece));
  }
  Ranking ranking;
  std::set<std::string> seen;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!seen.insert(ids[i]).second) continue;
    ranking.emplace_back(ids[i], static_cast<int64_t>(ids.size() - i));
  }
  return ranking;
}

std::map<std::string, double> retrieval_metrics(const Ranking& ranking,
                                                const Relevance& relevance,
                                                const std::vector<int64_t>& cutoffs) {
  std::vector<int64_t> gains;
  for (const auto& [id, score] : ranking) {
    const auto found = relevance.find(id);
    gains.push_back(found == relevance.end() ? 0 : std::max<int64_t>(found->second, 0));
  }
  std::vector<int64_t> ideal;
  for (const auto& [id, label] : relevance) ideal.push_back(std::max<int64_t>(label, 0));
  std::sort(ideal.rbegin(), ideal.rend());
  const auto is_relevant = [](int64_t label) { return label >= 1; };
  const auto relevant = static_cast<double>(std::count_if(ideal.begin(), ideal.end(), is_relevant));

  std::map<std::string, double> metrics;
  for (const int64_t cutoff : cutoffs) {
    const std::string at = "@" + std::to_string(cutoff);
    double found = 0.0;
    double precisions = 0.0;
    for (size_t rank = 0; rank < gains.size() && rank < static_cast<size_t>(cutoff); ++rank) {
      if (!is_relevant(gains[rank])) continue;
      ++found;
      precisions += found / (static_cast<double>(rank) + 1.0);
    }
    metrics["NDCG" + at] =
        rounded(part(discounted_gain(gains, cutoff), discounted_gain(ideal, cutoff)));
    metrics["MAP" + at] = rounded(part(precisions, relevant));
    metrics["Recall" + at] = rounded(part(found, relevant));
    metrics["P" + at] = rounded(found / static_cast<double>(cutoff));
  }
  const auto first = std::find_if(gains.begin(), gains.end(), is_relevant);
  metrics["MRR"] =
      first == gains.end() ? 0.0 : rounded(1.0 / static_cast<double>(first - gains.begin() + 1));
  return metrics;
}

}  // namespace retmask::metrics
