#pragma once
// Prompts as token ids, in the model's chat template or as plain text.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "retmask/eval/sample.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::eval {

class PromptEncoder {
 public:
  // The tokenizer must outlive this object. Throws UserError as ChatTemplate::load does. `moment`
  // as in RenderOptions.
  PromptEncoder(const Tokenizer& tokenizer,
                const std::filesystem::path& model_dir,
                ChatUse chat,
                std::optional<Moment> moment = std::nullopt);

  // With a template: its rendering with the generation prompt (thinking off), and the start of the
  // answer. Otherwise the text of the only message and the start of the answer, with the special
  // tokens that the tokenizer adds by default. Throws UserError for several messages without a
  // template.
  std::vector<int64_t> encode(const Prompt& prompt) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  bool uses_template() const { return template_ != nullptr; }

 private:
  const Tokenizer& tokenizer_;
  std::unique_ptr<const ChatTemplate> template_;
  std::optional<Moment> moment_;
};

}  // namespace retmask::eval
