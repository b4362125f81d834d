#pragma once
// The checkpoint's chat template (Jinja), rendered as transformers' apply_chat_template does.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "retmask/base/json.h"
#include "retmask/base/moment.h"

namespace retmask {

struct RenderOptions {
  bool add_generation_prompt = true;
  // Passed through to the template: {"enable_thinking": false}. They win over the special tokens
  // ("bos_token") and "tools", which the template is given anyway. "tools" may be JSON text.
  Json variables = Json::object();
  // What strftime_now formats: the moment when the run started. Nothing: that of the call.
  std::optional<Moment> moment = std::nullopt;
};

class ChatTemplate {
 public:
  // chat_template.jinja and additional_chat_templates/, else chat_template of tokenizer_config.json
  // (a string, or a list of named ones). Messages with tools take "tool_use" where there is one,
  // all others "default". Throws UserError when the folder has none or it does not parse.
  static std::unique_ptr<const ChatTemplate> load(const std::filesystem::path& dir);

  explicit ChatTemplate(const std::string& source, std::string bos_token, std::string eos_token);
  ~ChatTemplate();

  // `messages`: [{"role", "content"}, ...], at least one; fields that are null count as missing.
  // Throws UserError with the template's own complaint (raise_exception) or what went wrong in it.
  std::string render(const Json& messages, const RenderOptions& options) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace retmask
