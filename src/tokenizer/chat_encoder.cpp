#include "retmask/tokenizer/chat_encoder.h"

#include "retmask/base/error.h"
#include "retmask/tokenizer/thinking_tags.h"

namespace retmask {
namespace {

Json greeting() { return user_message("Hello"); }

}  // namespace

Json user_message(std::string text) {
  return Json::array({{{"role", "user"}, {"content", std::move(text)}}});
}

ChatEncoder::ChatEncoder(const Tokenizer& tokenizer,
                         const ChatTemplate* chat_template,
                         std::optional<Moment> moment,
                         bool thinks)
    : tokenizer_(tokenizer), template_(chat_template), moment_(moment), thinks_(thinks) {}

std::string ChatEncoder::rendering(const Json& messages, bool thinks) const {
  RETMASK_CHECK(template_ != nullptr);
  return template_->render(messages,
                           {.add_generation_prompt = true,
                            .variables = {{"enable_thinking", thinks}},
                            .moment = moment_});
}

std::string ChatEncoder::render(const Json& messages, const std::string& answer_start) const {
  return rendering(messages, thinks_) + answer_start;
}

std::vector<int64_t> ChatEncoder::encode(const Json& messages,
                                         const std::string& answer_start) const {
  if (template_ != nullptr) {
    return tokenizer().encode(render(messages, answer_start), /*add_special_tokens=*/false);
  }
  if (messages.size() != 1) {
    user_error("a prompt of ",
               messages.size(),
               " messages needs a chat template; give an instruction-tuned model, and not --chat "
               "none");
  }
  return tokenizer().encode(messages[0]["content"].get_ref<const std::string&>() + answer_start,
                            /*add_special_tokens=*/true);
}

bool ChatEncoder::opens_thinking() const {
  return uses_template() && retmask::opens_thinking(rendering(greeting(), thinks_));
}

bool ChatEncoder::knows_thinking() const {
  return uses_template() && rendering(greeting(), true) != rendering(greeting(), false);
}

}  // namespace retmask
