#pragma once
// Where the question lies in a prompt, as tokens. A prompt ends in the same tokens for every
// context, so its end is found once per needle, and without any knowledge of the tokenizer.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "retmask/niah/sample.h"

namespace retmask::niah {

class QuestionTails {
 public:
  // `prompt_of`: the tokens of a prompt with this question and some context, the same each time.
  QuestionTails(const std::function<std::vector<int64_t>(const std::string& question)>& prompt_of,
                const std::string& question);

  // Fills the fields about questions; leaves them empty where the prompt has another end.
  void locate(Sample& sample) const;

 private:
  // From where the prompts begin to differ to their ends; the spans count from there.
  std::vector<int64_t> tail_;
  TokenSpan question_;
  std::vector<int64_t> null_tail_;
  TokenSpan null_question_;
};

}  // namespace retmask::niah
