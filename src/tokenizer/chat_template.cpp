#include "retmask/tokenizer/chat_template.h"

#include <algorithm>
#include <map>
#include <utility>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/jinja/template.h"
#include "tokenizer_config.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

using text::TokenizerConfig;

constexpr const char* kDefault = "default";
constexpr const char* kToolUse = "tool_use";

struct Source {
  std::string text;
  std::string where;
};
using Sources = std::map<std::string, Source>;

// Templates of tokenizer_config.json's "chat_template": a text, or a list of {"name", "template"}.
Sources sources_of(const TokenizerConfig& config) {
  const auto found = config.json.find("chat_template");
  if (found == config.json.end() || found->is_null()) return {};
  if (!found->is_array()) {
    return {{kDefault,
             {json_get<std::string>(config.json, "chat_template", config.where), config.where}}};
  }
  Sources sources;
  for (const Json& entry : *found) {
    const auto name = json_get<std::string>(entry, "name", config.where);
    sources[name] = {json_get<std::string>(entry, "template", config.where),
                     config.where + " (" + name + ")"};
  }
  return sources;
}

// chat_template.jinja is the default template, additional_chat_templates/<name>.jinja the others;
// these files take precedence over tokenizer_config.json.
Sources sources_of(const fs::path& dir, const TokenizerConfig& config) {
  Sources sources;
  const auto add = [&](const std::string& name, const fs::path& file) {
    sources[name] = {read_text_file(file, "chat template"), file.string()};
  };
  if (const fs::path file = dir / "chat_template.jinja"; fs::exists(file)) add(kDefault, file);
  if (const fs::path more = dir / "additional_chat_templates"; fs::is_directory(more)) {
    for (const auto& entry : fs::directory_iterator(more)) {
      if (entry.path().extension() == ".jinja") add(entry.path().stem().string(), entry.path());
    }
  }
  return sources.empty() ? sources_of(config) : sources;
}

// "tools" may be JSON text, as in TRL's data sets.
Json read_tools(const Json& tools) {
  Json list = tools;
  if (tools.is_string()) list = parse_json(tools.get_ref<const std::string&>(), "\"tools\"");
  if (list.is_null()) return list;
  const bool all_objects =
      list.is_array() &&
      std::all_of(list.begin(), list.end(), [](const Json& tool) { return tool.is_object(); });
  if (!all_objects) {
    user_error("\"tools\" must be a list of JSON schemas, or such a list as JSON text, not ",
               tools.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80));
  }
  return list;
}

// As transformers passes them to the template: without null fields, and with the reasoning under
// every name that templates read.
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
    Json reasoning;
    for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
      if (reasoning.is_null() && message.contains(name)) reasoning = message[name];
    }
    // In transformers' order, which is visible in a template that prints a message.
    if (!reasoning.is_null()) fields["thinking"] = reasoning;
    for (const auto& [name, value] : message.items()) {
      if (!value.is_null()) fields[name] = value;
    }
    if (!reasoning.is_null()) fields["reasoning_content"] = reasoning;
    prepared.push_back(std::move(fields));
  }
  return prepared;
}

constexpr EnumNames<ChatUse, 3> kChatUseNames{
    {{{ChatUse::automatic, "auto"}, {ChatUse::all, "all"}, {ChatUse::none, "none"}}}};

}  // namespace

std::string to_string(ChatUse use) { return kChatUseNames.name_of(use); }
ChatUse parse_chat_use(const std::string& name) { return kChatUseNames.parse("--chat", name); }

struct ChatTemplate::Impl {
  Impl(const Sources& sources, Json tokens) : special_tokens(std::move(tokens)) {
    for (const char* name : {kDefault, kToolUse}) {
      const auto source = sources.find(name);
      if (source == sources.end()) continue;
      try {
        templates.emplace(name, jinja::Template::parse(source->second.text, source->second.where));
      } catch (const jinja::TemplateSyntaxError& error) {
        user_error(source->second.where,
                   ": the chat template is not valid: line ",
                   error.line(),
                   ": ",
                   error.reason());
      }
    }
  }

  // Same choice as transformers.
  const jinja::Template& choose(bool has_tools) const {
    auto found = has_tools ? templates.find(kToolUse) : templates.end();
    if (found == templates.end()) found = templates.find(kDefault);
    if (found == templates.end()) {
      user_error(
          "the only chat template of the model is \"tool_use\", for messages with tools; "
          "these have none");
    }
    return found->second;
  }

  std::map<std::string, jinja::Template> templates;
  Json special_tokens;  // {"bos_token": "<s>", ..}
};

std::unique_ptr<const ChatTemplate> ChatTemplate::load(const fs::path& dir) {
  const TokenizerConfig config = TokenizerConfig::load(dir);
  const Sources sources = sources_of(dir, config);
  if (sources.empty()) {
    user_error("the folder ",
               dir,
               " has no chat template: neither chat_template.jinja nor chat_template in "
               "tokenizer_config.json was found; give an instruction-tuned model");
  }
  if (!sources.contains(kDefault) && !sources.contains(kToolUse)) {
    user_error(sources.begin()->second.where, ": none of the chat templates is named \"default\"");
  }
  auto impl = std::make_unique<Impl>(sources, config.special_tokens());
  return std::unique_ptr<const ChatTemplate>(new ChatTemplate(std::move(impl)));
}

bool ChatTemplate::exists(const fs::path& dir) {
  return !sources_of(dir, TokenizerConfig::load(dir)).empty();
}

ChatTemplate::ChatTemplate(const std::string& source, std::string bos_token, std::string eos_token)
    : impl_(std::make_unique<Impl>(
          Sources{{kDefault, {source, "chat template"}}},
          Json{{"bos_token", std::move(bos_token)}, {"eos_token", std::move(eos_token)}})) {}

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ChatTemplate::~ChatTemplate() = default;

std::string ChatTemplate::render(const Json& messages, const RenderOptions& options) const {
  Json variables = impl_->special_tokens;
  variables["tools"] = nullptr;
  variables["documents"] = nullptr;
  variables.update(options.variables);
  variables["tools"] = read_tools(variables["tools"]);
  variables["messages"] = prepare_messages(messages);
  variables["add_generation_prompt"] = options.add_generation_prompt;
  jinja::Options jinja_options;
  if (options.moment) jinja_options.now = options.moment->time_point();
  try {
    return impl_->choose(!variables["tools"].is_null()).render(variables, jinja_options);
  } catch (const jinja::RaisedByTemplate& error) {
    user_error("the chat template refuses the messages: ", error.reason());
  } catch (const jinja::TemplateError& error) {
    user_error("the chat template failed: ", error.what());
  }
}

}  // namespace retmask
