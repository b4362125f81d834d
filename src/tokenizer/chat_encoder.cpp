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
                         std::optional<bool> enable_thinking)
    : tokenizer_(tokenizer),
      template_(chat_template),
      moment_(moment),
      enable_thinking_(enable_thinking) {}

std::string ChatEncoder::rendering(const Json& messages,
                                   std::optional<bool> enable_thinking) const {
  Json variables = Json::object();
  if (enable_thinking) variables["enable_thinking"] = *enable_thinking;
  RETMASK_CHECK(template_ != nullptr);
  return template_->render(
      messages,
      {.add_generation_prompt = true, .variables = std::move(variables), .moment = moment_});
}

std::string ChatEncoder::render(const Json& messages, const std::string& answer_start) const {
  return rendering(messages, enable_thinking_) + answer_start;
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
  return uses_template() && retmask::opens_thinking(rendering(greeting(), enable_thinking_));
}

bool ChatEncoder::knows_thinking() const {
  return uses_template() && rendering(greeting(), true) != rendering(greeting(), false);
}

}  // namespace retmask
