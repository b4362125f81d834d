#pragma once
// The checkpoint's chat template (Jinja), rendered as transformers' apply_chat_template does.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "retmask/base/json.h"
#include "retmask/base/moment.h"

namespace retmask {

// --chat: whether prompts are written in the chat template.
enum class ChatUse {
  automatic,  // if the checkpoint has one
  all,        // the checkpoint must have one
  none,       // plain text, as for base models
};
std::string to_string(ChatUse use);
// Throws UserError that lists the known names.
ChatUse parse_chat_use(const std::string& name);

struct RenderOptions {
  bool add_generation_prompt = true;
  // Passed to the template: {"enable_thinking": false}. They override the special tokens
  // ("bos_token") and "tools", which the template always gets. "tools" may be JSON text.
  Json variables = Json::object();
  // Time formatted by strftime_now: when the run started. Nullopt: the time of the call.
  std::optional<Moment> moment = std::nullopt;
};

class ChatTemplate {
 public:
  // chat_template.jinja and additional_chat_templates/, otherwise chat_template of
  // tokenizer_config.json (a string, or a list of named ones). Messages with tools use "tool_use"
  // if present, all others "default". Throws UserError when the folder has no template or it does
  // not parse.
  static std::unique_ptr<const ChatTemplate> load(const std::filesystem::path& dir);
  // True if the folder has a template, valid or not.
  static bool exists(const std::filesystem::path& dir);

  explicit ChatTemplate(const std::string& source, std::string bos_token, std::string eos_token);
  ~ChatTemplate();

  // `messages`: [{"role", "content"}, ...], at least one; null fields count as missing. Throws
  // UserError with the template's own message (raise_exception) or its error.
  std::string render(const Json& messages, const RenderOptions& options) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace retmask
