#pragma once
// Prompts of samples: as token ids for a model of our own, as messages for a server.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "retmask/eval/sample.h"
#include "retmask/eval/thinking.h"
#include "retmask/tokenizer/chat_encoder.h"

namespace retmask::eval {

class PromptEncoder {
 public:
  // The tokenizer must outlive this object. Throws UserError as ChatTemplate::load does. `moment`
  // as in RenderOptions.
  PromptEncoder(const Tokenizer& tokenizer,
                const std::filesystem::path& model_dir,
                ChatUse chat,
                std::optional<Moment> moment = std::nullopt,
                const ThinkingOptions& thinking = {});

  // Prompts for a server, which has a template and a tokenizer of its own. With `counter`, which
  // must outlive this object, tokens are counted by that encoder; without, suites that count them
  // get a UserError.
  static PromptEncoder for_server(const PromptEncoder* counter);

  // ChatEncoder::encode(). With Thinking::on the start of the answer ends the last message: the
  // model writes its thinking before it.
  std::vector<int64_t> encode(const Prompt& prompt) const;

  // Sets the prompt of a sample: encode(), or for a server its messages, of which the last ends
  // with the start of the answer. Throws UserError as ThinkingOptions::check_template() does.
  void encode(const Prompt& prompt, Sample& sample) const;

  // Encoder and tokenizer of the model; of a server, those that count. Throws UserError if there
  // are none.
  const ChatEncoder& chat() const;
  const Tokenizer& tokenizer() const { return chat().tokenizer(); }
  bool uses_template() const { return template_ != nullptr; }
  bool for_server() const { return for_server_; }
  // Prompts may have several messages.
  bool takes_conversations() const { return for_server_ || uses_template(); }

  // Whether answers to prompts in the template begin inside the thinking. Throws UserError as
  // ThinkingOptions::check_template() does.
  bool opens_thinking() const;
  // ThinkingOptions::extra_tokens(); 0 for a server.
  int64_t thinking_tokens() const;

 private:
  PromptEncoder() = default;

  std::unique_ptr<const ChatTemplate> template_;
  std::optional<ChatEncoder> chat_;
  ThinkingOptions thinking_;
  std::string model_;
  mutable std::optional<bool> opens_thinking_;  // once asked for: a rendering of the template
  bool for_server_ = false;
  const PromptEncoder* counter_ = nullptr;
};

}  // namespace retmask::eval
