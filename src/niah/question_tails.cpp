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
  // A space may belong to the question's first word, and be a token of its own before "N/A".
  const auto question_in = [&](const TokenIds& prompt) {
    const int64_t begin = common_start(prompt, none);
    return TokenSpan{begin, static_cast<int64_t>(prompt.size()) - common_end(prompt, none, begin)};
  };
  question_ = question_in(asked);
  null_question_ = question_in(null);
  const int64_t start =
      std::min({question_.begin, null_question_.begin, common_start(asked, null)});
  tail_.assign(asked.begin() + start, asked.end());
  null_tail_.assign(null.begin() + start, null.end());
  for (TokenSpan* span : {&question_, &null_question_}) {
    span->begin -= start;
    span->end -= start;
  }
}

void QuestionTails::locate(Sample& sample) const {
  if (question_.begin == question_.end || sample.prompt.size() < tail_.size()) return;
  const auto start = static_cast<int64_t>(sample.prompt.size() - tail_.size());
  if (!std::equal(tail_.begin(), tail_.end(), sample.prompt.begin() + start)) return;
  sample.question = {start + question_.begin, start + question_.end};
  sample.null_shared = start;
  sample.null_tail = null_tail_;
  sample.null_question = {start + null_question_.begin, start + null_question_.end};
}

}  // namespace retmask::niah
