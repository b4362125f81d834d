#include "answer_steps.h"

#include <algorithm>
#include <cctype>

namespace retmask::detect {
namespace {

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return c < 128 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c);
  });
  return text;
}

}  // namespace

std::vector<size_t> answer_steps(const std::vector<int64_t>& tokens,
                                 const niah::Sample& sample,
                                 const std::vector<std::string>& texts) {
  std::vector<size_t> steps;
  const auto exact = std::ranges::search(tokens, sample.needle_tokens);
  if (!exact.empty()) {
    const auto begin = static_cast<size_t>(exact.begin() - tokens.begin());
    for (size_t i = 0; i < exact.size(); ++i) steps.push_back(begin + i);
    return steps;
  }
  std::string answer;
  for (const std::string& text : texts) answer += text;
  const size_t found = lower_case(answer).find(lower_case(sample.real_needle));
  if (found == std::string::npos) return steps;
  const size_t found_end = found + sample.real_needle.size();
  size_t begin = 0;
  for (size_t i = 0; i < texts.size(); begin += texts[i++].size()) {
    if (begin + texts[i].size() > found && begin < found_end) steps.push_back(i);
  }
  return steps;
}

}  // namespace retmask::detect
