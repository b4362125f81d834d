#include "retmask/tokenizer/chat_template.h"

#include <minja/minja.hpp>
#include <optional>

#include "jinja_builtins.h"
#include "jinja_source.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "tokenizer_config.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

using text::TokenizerConfig;

// "what went wrong at row 1, column 2:\n<source>\n ^": the source belongs to no one-line message.
std::string first_line(const std::string& message) {
  std::string line = message.substr(0, message.find('\n'));
  if (line.ends_with(':')) line.pop_back();
  return line;
}

// tokenizer_config.json's "chat_template": a text, or a list of {"name", "template"} with one named
// "default".
std::optional<std::string> template_of(const TokenizerConfig& config) {
  const auto found = config.json.find("chat_template");
  if (found == config.json.end() || found->is_null()) return std::nullopt;
  if (!found->is_array()) return json_get<std::string>(config.json, "chat_template", config.where);
  for (const Json& entry : *found) {
    if (json_get<std::string>(entry, "name", config.where) == "default") {
      return json_get<std::string>(entry, "template", config.where);
    }
  }
  user_error(config.where, ": none of the chat templates is named \"default\"");
}

// As transformers gives them to the template: without null fields, and reasoning under each name
// that templates read.
Json prepare_messages(const Json& messages) {
  if (!messages.is_array() || messages.empty()) {
    user_error("a chat template needs a list of at least one message, not ",
               messages.dump().substr(0, 80));
  }
  Json prepared = Json::array();
  for (const Json& message : messages) {
    if (!message.is_object()) {
      user_error("a chat message must be an object with role and content, not ",
                 message.dump().substr(0, 80));
    }
    Json fields = Json::object();
    for (const auto& [name, value] : message.items()) {
      if (!value.is_null()) fields[name] = value;
    }
    for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
      if (!fields.contains(name)) continue;
      const Json reasoning = fields[name];
      if (!fields.contains("thinking")) fields["thinking"] = reasoning;
      fields["reasoning_content"] = reasoning;
      break;
    }
    prepared.push_back(std::move(fields));
  }
  return prepared;
}

}  // namespace

struct ChatTemplate::Impl {
  Impl(const std::string& source, Json tokens, const std::string& where)
      : special_tokens(std::move(tokens)) {
    // As transformers sets up Jinja; lstrip_blocks has been done to the source.
    const minja::Options options{
        /*trim_blocks=*/true, /*lstrip_blocks=*/false, /*keep_trailing_newline=*/false};
    try {
      root = minja::Parser::parse(text::prepare_template(source), options);
    } catch (const std::exception& error) {
      user_error(where, ": the chat template is not valid: ", first_line(error.what()));
    }
  }

  std::shared_ptr<minja::TemplateNode> root;
  Json special_tokens;  // {"bos_token": "<s>", ..}
};

std::unique_ptr<const ChatTemplate> ChatTemplate::load(const fs::path& dir) {
  const TokenizerConfig config = TokenizerConfig::load(dir);
  const fs::path file = dir / "chat_template.jinja";
  std::optional<std::string> source;
  std::string where = config.where;
  if (fs::exists(file)) {
    source = read_text_file(file, "chat template");
    where = file.string();
  } else {
    source = template_of(config);
  }
  if (!source) {
    user_error("the folder ",
               dir,
               " has no chat template: neither chat_template.jinja nor chat_template in "
               "tokenizer_config.json is there; give an instruction-tuned model");
  }
  auto impl = std::make_unique<Impl>(*source, config.special_tokens(), where);
  return std::unique_ptr<const ChatTemplate>(new ChatTemplate(std::move(impl)));
}

ChatTemplate::ChatTemplate(const std::string& source, std::string bos_token, std::string eos_token)
    : impl_(std::make_unique<Impl>(
          source,
          Json{{"bos_token", std::move(bos_token)}, {"eos_token", std::move(eos_token)}},
          "chat template")) {}

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ChatTemplate::~ChatTemplate() = default;

std::string ChatTemplate::render(const Json& messages, const RenderOptions& options) const {
  Json variables = impl_->special_tokens;
  variables["tools"] = nullptr;
  variables["documents"] = nullptr;
  variables.update(options.variables);
  variables["messages"] = prepare_messages(messages);
  variables["add_generation_prompt"] = options.add_generation_prompt;
  try {
    const auto context =
        minja::Context::make(minja::Value(variables), text::jinja_builtins(options.moment));
    return impl_->root->render(context);
  } catch (const text::TemplateComplaint& complaint) {
    user_error("the chat template refuses the messages: ", complaint.message);
  } catch (const std::exception& error) {
    user_error("the chat template failed: ", first_line(error.what()));
  }
}

}  // namespace retmask
