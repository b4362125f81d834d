#include "retmask/eval/prompt_encoder.h"

#include "retmask/base/error.h"

namespace retmask::eval {

Prompt user_prompt(std::string text, std::string answer_start) {
  return {.messages = Json::array({{{"role", "user"}, {"content", std::move(text)}}}),
          .answer_start = std::move(answer_start)};
}

PromptEncoder::PromptEncoder(const Tokenizer& tokenizer,
                             const std::filesystem::path& model_dir,
                             ChatUse chat,
                             std::optional<Moment> moment)
    : tokenizer_(tokenizer), moment_(moment) {
  const bool use =
      chat == ChatUse::all || (chat == ChatUse::automatic && ChatTemplate::exists(model_dir));
  if (use) template_ = ChatTemplate::load(model_dir);
}

std::string PromptEncoder::render(const Prompt& prompt, Json variables) const {
  RETMASK_CHECK(template_ != nullptr);
  const RenderOptions options{
      .add_generation_prompt = true, .variables = std::move(variables), .moment = moment_};
  return template_->render(prompt.messages, options) + prompt.answer_start;
}

PromptEncoder PromptEncoder::for_server(const PromptEncoder* counter) {
  PromptEncoder encoder;
  encoder.for_server_ = true;
  encoder.counter_ = counter;
  return encoder;
}

const PromptEncoder& PromptEncoder::counter() const {
  if (!for_server_) return *this;
  if (counter_ != nullptr) return *counter_;
  user_error(
      "this suite counts the tokens of its prompts; give --model beside --endpoint: a folder with "
      "the tokenizer of the server's model (weights are not needed)");
}

void PromptEncoder::encode(const Prompt& prompt, Sample& sample) const {
  if (!for_server_ || counter_ != nullptr) sample.prompt = encode(prompt);
  if (!for_server_) return;
  sample.messages = prompt.messages;
  Json& content = sample.messages.back()["content"];
  content = content.get<std::string>() + prompt.answer_start;
}

std::vector<int64_t> PromptEncoder::encode(const Prompt& prompt) const {
  if (for_server_) return counter().encode(prompt);
  if (template_ != nullptr) {
    return tokenizer().encode(render(prompt, {{"enable_thinking", false}}),
                              /*add_special_tokens=*/false);
  }
  if (prompt.messages.size() != 1) {
    user_error("a prompt of ",
               prompt.messages.size(),
               " messages needs a chat template; give an instruction-tuned model, and not --chat "
               "none");
  }
  return tokenizer().encode(
      prompt.messages[0]["content"].get_ref<const std::string&>() + prompt.answer_start,
      /*add_special_tokens=*/true);
}

}  // namespace retmask::eval
