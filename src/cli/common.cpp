#include "common.h"

#include <algorithm>
#include <cstdlib>

#include "config_file.h"
#include "number_options.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "suggest.h"

namespace fs = std::filesystem;

namespace retmask::cli {
namespace {

// These affect where and how a run happens, not its results.
constexpr int64_t kMostThreads = 1024;

const std::vector<std::string> kIgnoredCommonFlags = {"out", "device", "threads", "quiet"};

Json typed_value(const CLI::Option& option, const std::string& text) {
  if (text.empty()) return nullptr;
  // As CLI11 reads them: 0x10 is 16. Values that CLI11 cannot read are rejected before.
  if (option.get_type_name().starts_with("UINT")) return std::strtoull(text.c_str(), nullptr, 0);
  if (wants_whole_number(option)) return std::strtoll(text.c_str(), nullptr, 0);
  if (wants_number(option)) return std::strtod(text.c_str(), nullptr);
  return text;
}

// CLI11 writes the default of a list as "[512,1024]".
std::vector<std::string> default_values(const CLI::Option& option, bool is_list) {
  const std::string text = option.get_default_str();
  if (!is_list) return {text};
  if (text.size() <= 2) return {};
  return CLI::detail::split(text.substr(1, text.size() - 2), ',');
}

Json typed_values(const CLI::Option& option, const std::vector<std::string>& values, bool is_list) {
  if (!is_list) return typed_value(option, values.back());
  Json list = Json::array();
  for (const std::string& value : values) list.push_back(typed_value(option, value));
  return list;
}

Json resolved_value(const CLI::Option& option) {
  if (option.get_expected_min() == 0) return option.as<bool>();
  const bool is_list = option.get_items_expected_max() > 1;
  const auto& values = option.count() > 0 ? option.results() : default_values(option, is_list);
  return typed_values(option, values, is_list);
}

Json default_value(const CLI::Option& option) {
  if (option.get_expected_min() == 0) return false;
  const bool is_list = option.get_items_expected_max() > 1;
  return typed_values(option, default_values(option, is_list), is_list);
}

// CLI11 reads "-1" into an unsigned number as 2^64 - 1.
void check_unsigned(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_type_name().starts_with("UINT")) continue;
    for (const std::string& value : option->results()) {
      if (value.starts_with('-')) {
        user_error(
            "--", option->get_single_name(), " is ", value, ", expected a number of at least 0");
      }
    }
  }
}

void check_no_extras(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  const std::string& first = extras.front();
  const std::string help = "; see retmask " + app.get_name() + " --help";
  if (!first.starts_with('-')) {
    user_error("unexpected argument \"", first, "\" for ", app.get_name(), help);
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    known.push_back("--" + option->get_single_name());
  }
  const std::string name = first.substr(0, first.find('='));
  const std::string nearest = suggestion(name, known);
  user_error("unknown flag ", name, " for ", app.get_name(), nearest.empty() ? help : nearest);
}

bool is_dry_run(const Command& command) {
  return command.dry_run && command.app->get_option(command.dry_run->flag)->as<bool>();
}

const std::vector<std::string>& required_flags(const Command& command) {
  if (is_dry_run(command)) return command.dry_run->required;
  const bool is_other_task =
      command.other_task && command.app->get_option(command.other_task->flag)->count() > 0;
  return is_other_task ? command.other_task->required : command.required;
}

void check_required(const Command& command) {
  for (const std::string& name : required_flags(command)) {
    const CLI::Option* option = command.app->get_option(name);
    if (option->count() == 0 || option->results().front().empty()) {
      user_error(name, " is required: ", option->get_description());
    }
  }
}

void check_one_of(const std::string& flag,
                  const std::string& value,
                  const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  user_error(flag, " is \"", value, "\", expected one of: ", CLI::detail::join(known, ", "));
}

// Names of the flags that have a value from the command line or, once applied, the config file.
std::vector<std::string> names_given(const CLI::App& app) {
  std::vector<std::string> given;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) given.push_back(option->get_single_name());
  }
  return given;
}

// `path` and its parent folders, with links resolved.
std::vector<fs::path> with_parents(const fs::path& path) {
  std::error_code error;
  fs::path place = fs::weakly_canonical(fs::absolute(path, error), error);
  if (place.filename().empty()) place = place.parent_path();  // "out/"
  std::vector<fs::path> all;
  for (; !place.empty(); place = place.parent_path()) {
    all.push_back(place);
    if (place == place.parent_path()) break;
  }
  return all;
}

bool is_one_of(const fs::path& folder, const std::vector<fs::path>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const fs::path& other) {
    std::error_code error;  // a folder that does not exist is never equivalent
    return fs::equivalent(folder, other, error);
  });
}

// A run must not write into a checkpoint, and users delete a run's folder to start over.
void check_apart(const fs::path& model, const fs::path& out) {
  std::error_code error;
  if (model.empty() || !fs::exists(model, error)) return;  // reported when it is opened
  const auto fail = [&](const char* how) {
    user_error("--out ", out, how, model, ", which must not be modified; give another --out");
  };
  if (fs::equivalent(model, out, error)) fail(" is the model's own folder ");
  if (is_one_of(model, with_parents(out))) fail(" lies inside of the model's folder ");
  if (is_one_of(out, with_parents(model))) fail(" holds the model's folder ");
}

}  // namespace

void CommonOptions::validate() const {
  check_one_of("--device", device, {"cpu", "cuda", "auto"});
  check_one_of("--dtype", dtype, {"float32", "bfloat16", "auto"});
  if (threads < 1) user_error("--threads is ", threads, ", expected at least 1");
  if (threads > kMostThreads) {
    user_error("--threads is ", threads, ", expected at most ", kMostThreads);
  }
}

OutputLock Invocation::claim_out(const std::vector<fs::path>& models, OutputLock::Mode mode) const {
  for (const fs::path& model : models) check_apart(model, common.out);
  return OutputLock(common.out, mode);
}

RunRecord Invocation::start_run(RunRules rules, std::optional<Moment> moment) const {
  rules.ignored.insert(rules.ignored.end(), kIgnoredCommonFlags.begin(), kIgnoredCommonFlags.end());
  return RunRecord({.command = command,
                    .out = common.out,
                    .options = options,
                    .defaults = defaults,
                    .rules = std::move(rules),
                    .threads = common.threads,
                    .moment = moment});
}

void add_model_input(const std::string& name, const Checkpoint& checkpoint, RunRecord& run) {
  run.add_input(name, checkpoint.fingerprint());
  run.add_input_folder(name, checkpoint.hash_other_files());
}

std::string hash_files(const std::vector<fs::path>& files) {
  std::string hashes;
  for (const fs::path& file : files) hashes += sha256_file(file) + "\n";
  return sha256(hashes);
}

Command add_command(CLI::App& root,
                    const std::string& name,
                    const std::string& description,
                    const std::string& example) {
  auto common = std::make_shared<CommonOptions>();
  CLI::App* app = root.add_subcommand(name, description);
  app->footer(root.get_footer() + "\n\nExample:\n  retmask " + name + " " + example);
  // Unknown arguments are reported by resolve(), which suggests the nearest flag.
  app->allow_extras();
  const char* group = "Common options";
  app->add_option("--config",
                  common->config,
                  "TOML file with flags (names without --), at the top level or under [" + name +
                      "]; the command line overrides it")
      ->configurable(false)
      ->group(group);
  app->add_option(
         "--out",
         common->out,
         "Output folder for results and run.json; the same command and folder resume a stopped run")
      ->group(group);
  app->add_option("--device", common->device, "cpu, cuda or auto (cuda if available)")
      ->group(group);
  app->add_option("--dtype",
                  common->dtype,
                  "Compute in float32, bfloat16 or auto (the checkpoint's data type)")
      ->group(group);
  app->add_option("--seed", common->seed, "Random seed")->group(group);
  app->add_option("--threads", common->threads, "Number of CPU threads")->group(group);
  app->add_flag("--quiet", common->quiet, "Print warnings and errors only, no progress")
      ->group(group);
  return {.app = app, .common = std::move(common), .required = {}, .alternatives = {}, .run = {}};
}

void add_max_position_flag(CLI::App& app, int64_t& max_position) {
  app.add_option("--max-position",
                 max_position,
                 "Longest sequence in tokens, overriding config.json (0: as in config.json, with "
                 "its RoPE scaling)");
}

Json resolved_options(const CLI::App& app) {
  Json resolved = Json::object();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable()) resolved[option->get_single_name()] = resolved_value(*option);
  }
  return resolved;
}

Json default_options(const CLI::App& app) {
  Json defaults = Json::object();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable()) defaults[option->get_single_name()] = default_value(*option);
  }
  return defaults;
}

bool is_unset(const Json& value) {
  return value.is_null() || value == false || (value.is_array() && value.empty());
}

void set_options(CLI::App& app, const Json& options) {
  const auto text = [](const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  for (const auto& [name, value] : options.items()) {
    if (is_unset(value)) continue;
    CLI::Option& option = *app.get_option("--" + name);
    for (const Json& item : value.is_array() ? value : Json::array({value})) {
      option.add_result(text(item));
    }
    option.run_callback();
  }
}

Invocation resolve(const Command& command, const CLI::App& root) {
  check_no_extras(*command.app);
  const CommonOptions& common = *command.common;
  std::vector<std::string> on_command_line = names_given(*command.app);
  if (!common.config.empty()) {
    apply_config_file(*command.app, root, common.config, command.alternatives);
  }
  check_unsigned(*command.app);
  check_required(command);
  if (common.out.empty() && !is_dry_run(command))
    user_error("--out is required: ", command.app->get_option("--out")->get_description());
  common.validate();
  return {.command = command.app->get_name(),
          .common = common,
          .options = resolved_options(*command.app),
          .defaults = default_options(*command.app),
          .on_command_line = std::move(on_command_line),
          .given = names_given(*command.app)};
}

}  // namespace retmask::cli
