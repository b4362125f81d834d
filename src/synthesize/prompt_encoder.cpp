#include "retmask/synthesize/prompt_encoder.h"

#include "retmask/base/error.h"

namespace retmask::synthesize {

PromptEncoder::PromptEncoder(const std::filesystem::path& dir,
                             Json template_variables,
                             std::optional<Moment> moment,
                             int64_t model_vocab_size)
    : tokenizer_(Tokenizer::load(dir)),
      template_(ChatTemplate::load(dir)),
      render_{.add_generation_prompt = true,
              .variables = std::move(template_variables),
              .moment = moment},
      model_vocab_size_(model_vocab_size) {}

std::vector<int64_t> PromptEncoder::encode(const Prompt& prompt) const {
  return at_place(prompt.where, [&] {
    RenderOptions render = render_;
    for (const auto& [name, value] : prompt.template_variables.items()) {
      if (!render.variables.contains(name)) render.variables[name] = value;
    }
    // The template writes the BOS token itself.
    std::vector<int64_t> tokens = tokenizer_->encode(template_->render(prompt.messages, render),
                                                     /*add_special_tokens=*/false);
    for (const int64_t id : tokens) {
      if (id < model_vocab_size_) continue;
      user_error("token id ",
                 id,
                 " is outside of the model's vocabulary of ",
                 model_vocab_size_,
                 "; do the tokenizer and the model belong together?");
    }
    return tokens;
  });
}

std::string PromptEncoder::decode(const std::vector<int64_t>& tokens) const {
  return tokenizer_->decode(tokens, /*skip_special_tokens=*/true);
}

void leave_out_by_tokens(const PromptFilters& filters,
                         const PromptEncoder& encoder,
                         PromptSet& set) {
  set.leave_out(SkipReason::tokens, [&](size_t i) {
    const auto tokens = static_cast<int64_t>(encoder.encode(set.prompts[i]).size());
    return tokens < filters.min_tokens || (filters.max_tokens > 0 && tokens > filters.max_tokens);
  });
}

}  // namespace retmask::synthesize
