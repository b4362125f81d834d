#include "retmask/metrics/rouge.h"

#include <algorithm>
#include <map>

#include "porter_stemmer.h"
#include "rouge_hits.h"

namespace retmask {
namespace {

constexpr size_t kLongestUnstemmed = 3;

// The only two non-ASCII characters whose lower case contains an ASCII letter.
constexpr std::string_view kKelvinSign = "\xE2\x84\xAA";  // U+212A, "k"
constexpr std::string_view kDottedCapitalI = "\xC4\xB0";  // U+0130, "i" and a combining dot

bool is_token_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Python's str.lower() as far as [a-z0-9] is concerned; every other byte becomes a space.
std::string normalize(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (text.substr(i).starts_with(kKelvinSign)) {
      out += 'k';
      i += kKelvinSign.size() - 1;
    } else if (text.substr(i).starts_with(kDottedCapitalI)) {
      out += "i ";
      i += kDottedCapitalI.size() - 1;
    } else {
      out += is_token_character(c) ? c : ' ';
    }
  }
  return out;
}

// Runs of `n` neighbouring tokens, separated by spaces.
std::vector<std::string> runs_of(size_t n, const std::vector<std::string>& tokens) {
  std::vector<std::string> runs;
  for (size_t begin = 0; begin + n <= tokens.size(); ++begin) {
    std::string run = tokens[begin];
    for (size_t i = 1; i < n; ++i) run.append(" ").append(tokens[begin + i]);
    runs.push_back(std::move(run));
  }
  return runs;
}

RougeScore rouge_n(size_t n,
                   std::string_view target,
                   std::string_view prediction,
                   const RougeOptions& options) {
  const std::vector<std::string> target_runs = runs_of(n, rouge_tokenize(target, options));
  const std::vector<std::string> prediction_runs = runs_of(n, rouge_tokenize(prediction, options));
  std::map<std::string_view, int64_t> left;
  for (const std::string& run : target_runs) ++left[run];
  int64_t hits = 0;
  for (const std::string& run : prediction_runs) hits += left[run]-- > 0;
  return rouge_of_hits(hits, target_runs.size(), prediction_runs.size());
}

}  // namespace

std::vector<std::string> rouge_tokenize(std::string_view text, const RougeOptions& options) {
  const std::string normalized = normalize(text);
  std::vector<std::string> tokens;
  for (size_t begin = 0; begin < normalized.size();) {
    const size_t end = std::min(normalized.find(' ', begin), normalized.size());
    if (end > begin) {
      std::string token = normalized.substr(begin, end - begin);
      const bool stem = options.use_stemmer && token.size() > kLongestUnstemmed;
      tokens.push_back(stem ? porter_stem(token) : std::move(token));
    }
    begin = end + 1;
  }
  return tokens;
}

RougeScore rouge_of_hits(int64_t hits, size_t target_units, size_t prediction_units) {
  RougeScore score;
  if (hits == 0) return score;
  score.precision = static_cast<double>(hits) / static_cast<double>(prediction_units);
  score.recall = static_cast<double>(hits) / static_cast<double>(target_units);
  score.fmeasure = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

RougeScore rouge1(std::string_view target,
                  std::string_view prediction,
                  const RougeOptions& options) {
  return rouge_n(1, target, prediction, options);
}

RougeScore rouge2(std::string_view target,
                  std::string_view prediction,
                  const RougeOptions& options) {
  return rouge_n(2, target, prediction, options);
}

}  // namespace retmask
