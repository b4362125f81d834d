#include "question_tails.h"

#include <algorithm>

namespace retmask::niah {
namespace {

using TokenIds = std::vector<int64_t>;

int64_t common_start(const TokenIds& a, const TokenIds& b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

// Tokens at the end of both, at most all but `begin` of the shorter.
int64_t common_end(const TokenIds& a, const TokenIds& b, int64_t begin) {
  const auto equal = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first - a.rbegin();
  const auto shorter = static_cast<int64_t>(std::min(a.size(), b.size()));
  return std::min<int64_t>(equal, shorter - begin);
}

}  // namespace

// A prompt without a question differs from one with it in the question's tokens alone, and in none
// of the template's, even if the question begins or ends like kNullQuestion.
QuestionTails::QuestionTails(const std::function<TokenIds(const std::string& question)>& prompt_of,
                             const std::string& question) {
  const TokenIds asked = prompt_of(question);
  const TokenIds null = prompt_of(kNullQuestion);
  const TokenIds none = prompt_of("");
  const int64_t begin = std::min(common_start(asked, none), common_start(null, none));
  const auto size = [&](const TokenIds& prompt) {
    return static_cast<int64_t>(prompt.size()) - begin - common_end(prompt, none, begin);
  };
  tail_.assign(asked.begin() + begin, asked.end());
  null_tail_.assign(null.begin() + begin, null.end());
  question_size_ = size(asked);
  null_question_size_ = size(null);
}

void QuestionTails::locate(Sample& sample) const {
  if (question_size_ == 0 || sample.prompt.size() < tail_.size()) return;
  const int64_t begin = static_cast<int64_t>(sample.prompt.size() - tail_.size());
  if (!std::equal(tail_.begin(), tail_.end(), sample.prompt.begin() + begin)) return;
  sample.question = {begin, begin + question_size_};
  sample.null_tail = null_tail_;
  sample.null_question_size = null_question_size_;
}

}  // namespace retmask::niah
