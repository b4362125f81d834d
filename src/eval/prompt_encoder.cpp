#include "retmask/eval/prompt_encoder.h"

#include "retmask/base/error.h"

namespace retmask::eval {
namespace {

// For who begins an answer otherwise, a server or a thinking model: the message asks for it, as in
// RULER's requests to servers.
Json messages_with_answer_start(const Prompt& prompt) {
  Json messages = prompt.messages;
  Json& content = messages.back()["content"];
  content = content.get<std::string>() + prompt.answer_start;
  return messages;
}

}  // namespace

Prompt user_prompt(std::string text, std::string answer_start) {
  return {.messages = user_message(std::move(text)), .answer_start = std::move(answer_start)};
}

PromptEncoder::PromptEncoder(const Tokenizer& tokenizer,
                             const std::filesystem::path& model_dir,
                             ChatUse chat,
                             std::optional<Moment> moment,
                             const ThinkingOptions& thinking)
    : thinking_(thinking), model_(model_dir.string()) {
  const bool use =
      chat == ChatUse::all || (chat == ChatUse::automatic && ChatTemplate::exists(model_dir));
  if (use) template_ = ChatTemplate::load(model_dir);
  chat_.emplace(tokenizer, template_.get(), moment, thinking.enable_thinking());
}

PromptEncoder PromptEncoder::for_server(const PromptEncoder* counter) {
  PromptEncoder encoder;
  encoder.for_server_ = true;
  encoder.counter_ = counter;
  return encoder;
}

const ChatEncoder& PromptEncoder::chat() const {
  if (chat_) return *chat_;
  if (counter_ != nullptr) return counter_->chat();
  user_error(
      "this suite counts the tokens of its prompts; give --model beside --endpoint: a folder with "
      "the tokenizer of the server's model (weights are not needed)");
}

bool PromptEncoder::opens_thinking() const {
  if (!opens_thinking_) {
    thinking_.check_template(chat(), model_);
    opens_thinking_ = chat().opens_thinking();
  }
  return *opens_thinking_;
}

int64_t PromptEncoder::thinking_tokens() const {
  return for_server_ ? 0 : thinking_.extra_tokens(tokenizer());
}

void PromptEncoder::encode(const Prompt& prompt, Sample& sample) const {
  if (!for_server_ || counter_ != nullptr) sample.prompt = encode(prompt);
  if (for_server_) {
    sample.messages = messages_with_answer_start(prompt);
  } else {
    sample.opens_thinking = opens_thinking();
  }
}

std::vector<int64_t> PromptEncoder::encode(const Prompt& prompt) const {
  if (thinking_.is_on()) return chat().encode(messages_with_answer_start(prompt));
  return chat().encode(prompt.messages, prompt.answer_start);
}

}  // namespace retmask::eval
