// ROUGE-L and ROUGE-Lsum.

#include <algorithm>
#include <unordered_map>

#include "retmask/metrics/rouge.h"
#include "rouge_hits.h"

namespace retmask {
namespace {

using TokenIds = std::vector<int32_t>;

// Numbers tokens, so that they compare fast.
class TokenNumbers {
 public:
  TokenIds of(std::string_view text, const RougeOptions& options) {
    TokenIds ids;
    for (std::string& token : rouge_tokenize(text, options)) {
      const auto next = static_cast<int32_t>(numbers_.size());
      ids.push_back(numbers_.emplace(std::move(token), next).first->second);
    }
    return ids;
  }
  size_t size() const { return numbers_.size(); }

 private:
  std::unordered_map<std::string, int32_t> numbers_;
};

// [(target + 1) * (prediction + 1)]: lengths of the longest common subsequences of all prefixes.
class LcsTable {
 public:
  LcsTable(const TokenIds& target, const TokenIds& prediction)
      : width_(prediction.size() + 1), lengths_((target.size() + 1) * width_) {
    for (size_t i = 1; i <= target.size(); ++i) {
      for (size_t j = 1; j < width_; ++j) {
        at(i, j) = target[i - 1] == prediction[j - 1] ? at(i - 1, j - 1) + 1
                                                      : std::max(at(i - 1, j), at(i, j - 1));
      }
    }
  }
  int32_t& at(size_t i, size_t j) { return lengths_[i * width_ + j]; }

 private:
  size_t width_;
  std::vector<int32_t> lengths_;
};

// Marks the tokens of `target` in one longest common subsequence: the one that rouge_score's
// backtracking finds (_backtrack_norec).
void mark_common(const TokenIds& target, const TokenIds& prediction, std::vector<bool>& marks) {
  LcsTable table(target, prediction);
  for (size_t i = target.size(), j = prediction.size(); i > 0 && j > 0;) {
    if (target[i - 1] == prediction[j - 1]) {
      marks[--i] = true;
      --j;
    } else if (table.at(i, j - 1) > table.at(i - 1, j)) {
      --j;
    } else {
      --i;
    }
  }
}

std::vector<TokenIds> tokens_by_line(std::string_view text,
                                     const RougeOptions& options,
                                     TokenNumbers& numbers) {
  std::vector<TokenIds> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) lines.push_back(numbers.of(text.substr(begin, end - begin), options));
    begin = end + 1;
  }
  return lines;
}

// How often each token occurs; adds up all occurrences in `total`.
std::vector<int64_t> occurrences(const std::vector<TokenIds>& lines, size_t kinds, size_t& total) {
  std::vector<int64_t> counts(kinds);
  total = 0;
  for (const TokenIds& line : lines) {
    total += line.size();
    for (const int32_t token : line) ++counts[static_cast<size_t>(token)];
  }
  return counts;
}

}  // namespace

RougeScore rouge_l(std::string_view target,
                   std::string_view prediction,
                   const RougeOptions& options) {
  TokenNumbers numbers;
  const TokenIds target_tokens = numbers.of(target, options);
  const TokenIds prediction_tokens = numbers.of(prediction, options);
  LcsTable table(target_tokens, prediction_tokens);
  return rouge_of_hits(table.at(target_tokens.size(), prediction_tokens.size()),
                       target_tokens.size(),
                       prediction_tokens.size());
}

RougeScore rouge_lsum(std::string_view target,
                      std::string_view prediction,
                      const RougeOptions& options) {
  TokenNumbers numbers;
  const auto target_lines = tokens_by_line(target, options, numbers);
  const auto prediction_lines = tokens_by_line(prediction, options, numbers);
  size_t target_total = 0;
  size_t prediction_total = 0;
  std::vector<int64_t> target_left = occurrences(target_lines, numbers.size(), target_total);
  std::vector<int64_t> prediction_left =
      occurrences(prediction_lines, numbers.size(), prediction_total);
  int64_t hits = 0;
  for (const TokenIds& line : target_lines) {
    std::vector<bool> in_common(line.size());
    for (const TokenIds& other : prediction_lines) mark_common(line, other, in_common);
    for (size_t i = 0; i < line.size(); ++i) {
      const auto token = static_cast<size_t>(line[i]);
      if (!in_common[i] || target_left[token] == 0 || prediction_left[token] == 0) continue;
      --target_left[token];
      --prediction_left[token];
      ++hits;
    }
  }
  return rouge_of_hits(hits, target_total, prediction_total);
}

}  // namespace retmask
