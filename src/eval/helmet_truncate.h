#pragma once
// How HELMET cuts the context of a prompt to a length.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "retmask/tokenizer/tokenizer.h"

namespace retmask::eval::helmet {

// LongQA and Summ, first: the context cut to at most about `max_tokens` tokens of Llama 2 (data.py
// there, truncate_llama2), whose end says so. Nullopt: it is not longer.
std::optional<std::string> cut_documents(const Tokenizer& llama2,
                                         const std::string& context,
                                         int64_t max_tokens);

struct FittedPrompt {
  std::vector<int64_t> tokens = {};
  std::string text = {};
  std::string context = {};  // what is left of it
  int64_t dropped = 0;       // tokens at the end of the context
};

struct PromptToFit {
  std::string context = {};
  std::function<std::string(const std::string& context)> render = {};
  bool is_chat = false;  // `render` uses a chat template, which brings its special tokens
  int64_t limit = 0;     // most tokens; the result may have one or two more, as in the original
};

// All tasks: the end of the context is dropped (tokenize() of model_utils.py there). Throws
// UserError if the rest of the prompt is longer than the limit.
FittedPrompt fit_prompt(const Tokenizer& tokenizer, const PromptToFit& prompt);

}  // namespace retmask::eval::helmet
