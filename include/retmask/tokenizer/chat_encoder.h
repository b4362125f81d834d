#pragma once
// Prompts as token ids, in the checkpoint's chat template or as plain text.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/base/moment.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask {

// The messages of a prompt that is one message of the user.
Json user_message(std::string text);

class ChatEncoder {
 public:
  // Both must outlive this object. Null template: plain text. `moment` as in RenderOptions.
  // `enable_thinking`: what the template is told; nullopt: nothing, so that it does what its
  // authors chose.
  ChatEncoder(const Tokenizer& tokenizer,
              const ChatTemplate* chat_template,
              std::optional<Moment> moment = std::nullopt,
              std::optional<bool> enable_thinking = false);

  const Tokenizer& tokenizer() const { return tokenizer_; }
  bool uses_template() const { return template_ != nullptr; }

  // The template's rendering with the generation prompt, and the start of the answer. There must be
  // a template.
  std::string render(const Json& messages, const std::string& answer_start = {}) const;

  // With a template: render(). Otherwise the text of the only message and the start of the answer,
  // with the special tokens that the tokenizer adds by default. Throws UserError for several
  // messages without a template.
  std::vector<int64_t> encode(const Json& messages, const std::string& answer_start = {}) const;

  // Of a message in the template: opens_thinking() of the prompt. False without a template.
  bool opens_thinking() const;
  // Whether the template uses enable_thinking. False without a template.
  bool knows_thinking() const;

 private:
  std::string rendering(const Json& messages, std::optional<bool> enable_thinking) const;

  std::reference_wrapper<const Tokenizer> tokenizer_;
  const ChatTemplate* template_;
  std::optional<Moment> moment_;
  std::optional<bool> enable_thinking_;
};

}  // namespace retmask
