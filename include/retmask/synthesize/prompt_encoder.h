#pragma once
// Encodes messages into a checkpoint's prompt tokens and decodes generated tokens.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "retmask/synthesize/prompts.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::synthesize {

class PromptEncoder {
 public:
  // Tokenizer and template of a checkpoint folder; `template_variables` and `moment` as in
  // RenderOptions. `model_vocab_size` is the number of embedding rows; a tokenizer with added
  // tokens can exceed it. Throws UserError.
  PromptEncoder(const std::filesystem::path& dir,
                Json template_variables,
                std::optional<Moment> moment = std::nullopt,
                int64_t model_vocab_size = std::numeric_limits<int64_t>::max());

  // Encodes the rendered conversation with the generation prompt. Throws UserError naming the
  // prompt's file and row if the template rejects it or a token is outside the model's vocabulary.
  std::vector<int64_t> encode(const Prompt& prompt) const;

  // Without special tokens.
  std::string decode(const std::vector<int64_t>& tokens) const;

  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<const ChatTemplate> template_;
  RenderOptions render_;
  int64_t model_vocab_size_;
};

// Applies PromptFilters' limits on the number of tokens of the rendered prompt. Throws UserError as
// encode() does.
void leave_out_by_tokens(const PromptFilters& filters,
                         const PromptEncoder& encoder,
                         PromptSet& set);

}  // namespace retmask::synthesize
