#include "retmask/metrics/rouge.h"

#include <algorithm>
#include <map>

#include "porter_stemmer.h"

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

std::map<std::string, int64_t> count(const std::vector<std::string>& tokens) {
  std::map<std::string, int64_t> counts;
  for (const std::string& token : tokens) ++counts[token];
  return counts;
}

double ratio(int64_t part, size_t whole) {
  return static_cast<double>(part) / static_cast<double>(std::max<size_t>(whole, 1));
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

RougeScore rouge1(std::string_view target,
                  std::string_view prediction,
                  const RougeOptions& options) {
  const std::vector<std::string> target_tokens = rouge_tokenize(target, options);
  const std::vector<std::string> prediction_tokens = rouge_tokenize(prediction, options);
  const auto prediction_counts = count(prediction_tokens);
  int64_t overlap = 0;
  for (const auto& [token, occurrences] : count(target_tokens)) {
    const auto found = prediction_counts.find(token);
    if (found != prediction_counts.end()) overlap += std::min(occurrences, found->second);
  }
  RougeScore score;
  score.precision = ratio(overlap, prediction_tokens.size());
  score.recall = ratio(overlap, target_tokens.size());
  if (overlap > 0) {
    score.fmeasure = 2 * score.precision * score.recall / (score.precision + score.recall);
  }
  return score;
}

}  // namespace retmask
