#include "retmask/synthesize/prompt_encoder.h"

#include "retmask/base/error.h"

namespace retmask::synthesize {

PromptEncoder::PromptEncoder(const std::filesystem::path& dir,
                             Json template_variables,
                             std::optional<Moment> moment)
    : tokenizer_(Tokenizer::load(dir)),
      template_(ChatTemplate::load(dir)),
      render_{.add_generation_prompt = true,
              .variables = std::move(template_variables),
              .moment = moment} {}

std::vector<int64_t> PromptEncoder::encode(const Prompt& prompt) const {
  try {
    // The template writes the BOS token itself.
    return tokenizer_->encode(template_->render(prompt.messages, render_),
                              /*add_special_tokens=*/false);
  } catch (const UserError& error) {
    user_error(prompt.where, ": ", error.what());
  }
}

std::string PromptEncoder::decode(const std::vector<int64_t>& tokens) const {
  return tokenizer_->decode(tokens, /*skip_special_tokens=*/true);
}

void leave_out_by_tokens(const PromptFilters& filters,
                         const PromptEncoder& encoder,
                         PromptSet& set) {
  set.leave_out(LeftOut::tokens, [&](size_t i) {
    const auto tokens = static_cast<int64_t>(encoder.encode(set.prompts[i]).size());
    return tokens < filters.min_tokens || (filters.max_tokens > 0 && tokens > filters.max_tokens);
  });
}

}  // namespace retmask::synthesize
