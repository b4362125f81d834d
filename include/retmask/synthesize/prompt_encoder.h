#pragma once
// From messages to the token ids that a checkpoint continues, and back.

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
  // RenderOptions. `model_vocab_size`: rows of the model's embedding, which a tokenizer with added
  // tokens can exceed. Throws UserError.
  PromptEncoder(const std::filesystem::path& dir,
                Json template_variables,
                std::optional<Moment> moment = std::nullopt,
                int64_t model_vocab_size = std::numeric_limits<int64_t>::max());

  // The rendered conversation up to where the assistant begins. Throws UserError naming the
  // prompt's place for what the template does not accept and a token that the model does not have.
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

// PromptFilters' limits on the tokens of the rendered prompt. Throws UserError as encode() does.
void leave_out_by_tokens(const PromptFilters& filters,
                         const PromptEncoder& encoder,
                         PromptSet& set);

}  // namespace retmask::synthesize
