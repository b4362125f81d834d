#pragma once
// How answers are generated and read by ThinkingOptions, for the loops of all suites.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "retmask/engine/generator.h"
#include "retmask/eval/thinking.h"
#include "retmask/tokenizer/stop_strings.h"
#include "split_thinking.h"

namespace retmask::eval {

// One answer.
struct AnswerLimits {
  bool opens_thinking = false;         // the prompt
  int64_t max_new_tokens = 0;          // the suite's
  std::vector<std::string> stop = {};  // the answer ends before the first of these texts
};

class ThinkingRule {
 public:
  // The tokenizer must outlive this object and the requests.
  ThinkingRule(const Tokenizer& tokenizer, const ThinkingOptions& options);

  int64_t most_new_tokens(int64_t max_new_tokens) const { return max_new_tokens + extra_tokens_; }

  // Sets max_new_tokens, stop_rule and token_forcer of a request with a single continuation.
  void apply(const AnswerLimits& limits, GenerationRequest& request) const;

  // Thinking and answer in the tokens that were generated. The last </think> in them counts, as in
  // HELMET.
  ThoughtAnswer read(const AnswerLimits& limits, std::span<const int64_t> tokens) const;

  // Adds to a row "thinking" and "unended_thinking"; without Thinking::on only a thinking that the
  // answer had all the same.
  void add_to_row(const ThoughtAnswer& answer, Json& row) const;

 private:
  std::string answer_text(const AnswerLimits& limits, std::span<const int64_t> tokens) const;

  const Tokenizer& tokenizer_;
  const ThinkingOptions options_;
  std::vector<int64_t> end_tokens_ = {};  // if there is a budget
  int64_t extra_tokens_ = 0;
};

}  // namespace retmask::eval
