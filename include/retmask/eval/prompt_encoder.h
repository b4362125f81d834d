#pragma once
// Prompts as token ids, in the model's chat template or as plain text.

#include <functional>
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

  // Prompts for a server, which has a template and a tokenizer of its own. With `counter`, which
  // must outlive this object, tokens are counted by that encoder; without, suites that count them
  // get a UserError.
  static PromptEncoder for_server(const PromptEncoder* counter);

  // With a template: its rendering with the generation prompt (thinking off), and the start of the
  // answer. Otherwise the text of the only message and the start of the answer, with the special
  // tokens that the tokenizer adds by default. Throws UserError for several messages without a
  // template.
  std::vector<int64_t> encode(const Prompt& prompt) const;

  // The template's rendering with the generation prompt and `variables`, and the start of the
  // answer. There must be a template.
  std::string render(const Prompt& prompt, Json variables = Json::object()) const;

  // Sets the prompt of a sample: encode(), and for a server its messages. There, the start of the
  // answer ends the last message, as in RULER's requests to servers.
  void encode(const Prompt& prompt, Sample& sample) const;

  const Tokenizer& tokenizer() const { return counter().tokenizer_->get(); }
  bool uses_template() const { return template_ != nullptr; }
  // Prompts may have several messages.
  bool takes_conversations() const { return for_server_ || uses_template(); }

 private:
  PromptEncoder() = default;
  // This one, or of a server the one that counts. Throws UserError if there is none.
  const PromptEncoder& counter() const;

  std::optional<std::reference_wrapper<const Tokenizer>> tokenizer_;
  std::unique_ptr<const ChatTemplate> template_;
  std::optional<Moment> moment_;
  bool for_server_ = false;
  const PromptEncoder* counter_ = nullptr;
};

}  // namespace retmask::eval
