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

std::vector<int64_t> PromptEncoder::encode(const Prompt& prompt) const {
  if (template_ != nullptr) {
    const RenderOptions options{.add_generation_prompt = true,
                                .variables = {{"enable_thinking", false}},
                                .moment = moment_};
    return tokenizer_.encode(template_->render(prompt.messages, options) + prompt.answer_start,
                             /*add_special_tokens=*/false);
  }
  if (prompt.messages.size() != 1) {
    user_error("a prompt of ",
               prompt.messages.size(),
               " messages needs a chat template; give an instruction-tuned model, and not --chat "
               "none");
  }
  return tokenizer_.encode(
      prompt.messages[0]["content"].get_ref<const std::string&>() + prompt.answer_start,
      /*add_special_tokens=*/true);
}

}  // namespace retmask::eval
