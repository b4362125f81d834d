#include "config_file.h"

#include <algorithm>
#include <string_view>

#include "number_options.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "suggest.h"
#include "toml.h"

namespace retmask::cli {
namespace {

// Settings of a script that runs several commands with one file, such as scripts/reproduce.sh.
constexpr std::string_view kScriptSection = "script";

std::vector<std::string> keys_of(const CLI::App& app) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable()) keys.push_back(option->get_single_name());
  }
  return keys;
}

const CLI::App& find_section(const CLI::App& root, const TomlEntry& entry, const std::string& at) {
  std::vector<std::string> names;
  for (const CLI::App* app : root.get_subcommands([](const CLI::App*) { return true; })) {
    if (app->get_name() == entry.section) return *app;
    names.push_back(app->get_name());
  }
  user_error(at, "unknown section [", entry.section, "]", suggestion(entry.section, names));
}

const CLI::Option& find_option(const CLI::App& app, const TomlEntry& entry, const std::string& at) {
  const CLI::Option* found = app.get_option_no_throw("--" + entry.key);
  if (found == nullptr || !found->get_configurable()) {
    user_error(at,
               "unknown key \"",
               entry.key,
               "\" for the command ",
               app.get_name(),
               suggestion(entry.key, keys_of(app)));
  }
  return *found;
}

// A flag without a value needs a boolean, a numeric option a number; text also accepts numbers
// (heads = 18).
void check_type(const CLI::Option& option, const TomlEntry& entry, const std::string& at) {
  const std::string key = "\"" + entry.key + "\"";
  const bool is_flag = option.get_expected_min() == 0;
  if (is_flag != (entry.kind == TomlEntry::Kind::boolean)) {
    user_error(at, key, is_flag ? " takes true or false" : " does not take true or false");
  }
  const bool is_short = takes_short_counts(option) && entry.kind == TomlEntry::Kind::string;
  if (wants_number(option) && entry.kind != TomlEntry::Kind::number && !is_short)
    user_error(at, key, " takes a number");
  if (entry.is_array && option.get_items_expected_max() <= 1) {
    user_error(at, key, " takes one value, not an array");
  }
}

void apply(CLI::Option& option, const TomlEntry& entry, const std::string& at) {
  if (option.count() > 0) return;
  try {
    for (const std::string& value : entry.values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    const std::string wrong = wrong_number(option);
    if (!wrong.empty()) user_error(at, "\"", entry.key, "\" is ", wrong);
    user_error(at, "\"", entry.key, "\": ", error.what());
  }
}

GivenFlags given_flags(const CLI::App& app) {
  GivenFlags given;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) given[option->get_single_name()] = option->results().back();
  }
  return given;
}

// Whether the key's alternatives depend on other flags (`unless`); such keys are applied last.
bool is_conditional(const std::vector<Alternatives>& alternatives, const std::string& key) {
  return std::ranges::any_of(alternatives, [&](const Alternatives& group) {
    return !group.unless.empty() && std::ranges::any_of(group.sets, [&](const Alternative& set) {
      return std::ranges::find(set, key) != set.end();
    });
  });
}

}  // namespace

void apply_config_file(CLI::App& app,
                       const CLI::App& root,
                       const std::filesystem::path& path,
                       const std::vector<Alternatives>& alternatives) {
  const std::string file = path.string();
  const std::vector<TomlEntry> entries = parse_toml(read_text_file(path, "config file"), file);
  const auto where = [&](const TomlEntry& entry) {
    return file + ":" + std::to_string(entry.line) + ": ";
  };
  const GivenFlags command_line = given_flags(app);
  GivenFlags with_section = command_line;
  const auto visit = [&](bool in_section, bool conditional) {
    for (const TomlEntry& entry : entries) {
      const bool is_here = in_section ? entry.section == app.get_name() : entry.section.empty();
      if (!is_here || is_conditional(alternatives, entry.key) != conditional) continue;
      const GivenFlags& stronger = in_section ? command_line : with_section;
      const std::string value = entry.values.empty() ? "" : entry.values.back();
      if (has_alternative(alternatives, stronger, given_flags(app), entry.key, value)) continue;
      apply(*app.get_option("--" + entry.key), entry, where(entry));
      if (in_section) with_section[entry.key] = value;
    }
  };
  for (const TomlEntry& entry : entries) {
    if (entry.section == kScriptSection) continue;
    const CLI::App& owner = entry.section.empty() ? app : find_section(root, entry, where(entry));
    check_type(find_option(owner, entry, where(entry)), entry, where(entry));
  }
  for (const bool conditional : {false, true}) {
    visit(/*in_section=*/true, conditional);
    visit(/*in_section=*/false, conditional);
  }
}

}  // namespace retmask::cli
