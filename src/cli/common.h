#pragma once
// How a command is written. Each lives in its own pair of files, <name>_command.{h,cpp}, and looks
// like this:
//
//   struct MaskCommandOptions {  // the library's options and what only the command line needs
//     std::filesystem::path model;
//     SelectOptions select;
//   };
//
//   void run_mask(const MaskCommandOptions& options, const Invocation& invocation) {
//     options.select.validate();  // before any file is opened
//     const OutputLock lock = invocation.claim_out({options.model});  // makes --out, which is ours
//     RunRecord run = invocation.start_run({.inputs = {{"model", "model"}}});  // or another run's
//     const Checkpoint checkpoint(options.model);
//     run.add_input("model", checkpoint.fingerprint());
//     ...  // libraries return plain results; the command prints them on stdout
//     run.finish();  // an exception before this leaves "failed" in run.json
//   }
//
//   Command setup_mask(CLI::App& root) {
//     auto options = std::make_shared<MaskCommandOptions>();
//     Command command = add_command(root, "mask", "Switch heads off in a checkpoint");
//     command.app->add_option("--model", options->model, "Checkpoint folder");
//     command.app->add_option("--top-k", options->select.top_k, "As many with the highest score");
//     add_list_option(command, "--heads", options->select.heads, "Heads to mask: LAYER-HEAD,...");
//     command.required = {"--model"};
//     command.run = [options](const Invocation& invocation) { run_mask(*options, invocation); };
//     return command;
//   }
//
// The header declares setup_mask alone; main.cpp's table and CMakeLists.txt get one line each.
// Defaults are the struct's own and show up in --help and run.json by themselves. Every flag also
// works in the --config file, which is applied after parsing: so no CLI11 required(), needs() or
// excludes(), but `required` here and validate() there.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "alternatives.h"
#include "number_options.h"
#include "retmask/base/json.h"
#include "retmask/base/output_lock.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/report/run_record.h"

namespace retmask::cli {

// What every command takes.
struct CommonOptions {
  std::filesystem::path config;  // TOML file with flags; empty = none
  std::filesystem::path out;     // folder for the results and run.json; required
  std::string device = "auto";   // cpu, cuda or auto: see parse_device
  std::string dtype = "auto";    // float32, bfloat16 or auto: see parse_dtype
  uint64_t seed = 0;
  int64_t threads = std::thread::hardware_concurrency();
  bool quiet = false;  // no progress and no info lines

  void validate() const;
};

// One call of a command with flags and config file resolved.
struct Invocation {
  std::string command;  // "detect"
  CommonOptions common;
  Json options;                                   // every flag's value, by name without dashes
  Json defaults;                                  // the same where no flag is given
  std::vector<std::string> on_command_line = {};  // names of the flags given there

  // Makes --out and keeps other processes out of it. To be called before anything is read or
  // written. Throws UserError when another process writes there and when --out is one of `models`
  // (folders of checkpoints; empty paths are none), lies inside of one or holds one.
  OutputLock claim_out(const std::vector<std::filesystem::path>& models,
                       OutputLock::Mode mode = OutputLock::Mode::alone) const;

  // Behind claim_out(). A folder of an earlier run that differs in a flag is refused, but for what
  // `rules` say. The common flags but seed and dtype are ignored anyway. Throws UserError.
  RunRecord start_run(RunRules rules = {}, std::optional<Moment> moment = std::nullopt) const;
};

// The files of a checkpoint that decide about results: weights and config as an input
// `name`, tokenizer, templates and generation config as its files. Throws UserError, as
// RunRecord::add_input().
void add_model_input(const std::string& name, const Checkpoint& checkpoint, RunRecord& run);

// One hash for several files in their order.
std::string hash_files(const std::vector<std::filesystem::path>& files);

// With this flag the command writes nothing: it needs no --out, and of its flags only `required`.
struct DryRun {
  std::string flag;
  std::vector<std::string> required;
};

struct Command {
  CLI::App* app = nullptr;  // owned by the root app
  std::shared_ptr<CommonOptions> common;
  std::vector<std::string> required;  // flags without which the command cannot start: "--model"
  std::vector<Alternatives> alternatives = {};
  std::optional<DryRun> dry_run = std::nullopt;
  std::function<void(const Invocation&)> run;
};

using SetupCommand = Command (*)(CLI::App& root);

// Makes the subcommand and declares the common flags.
Command add_command(CLI::App& root, const std::string& name, const std::string& description);

// A flag that takes several values: "512,1024" or "512 1024" on the command line, an array in the
// config file.
template <typename T>
CLI::Option* add_list_option(Command& command,
                             const std::string& name,
                             std::vector<T>& values,
                             const std::string& description) {
  return command.app->add_option(name, values, description)->delimiter(',');
}

// --max-position, for limit_positions().
void add_max_position_flag(CLI::App& app, int64_t& max_position);

// A length or a count of tokens, which may be given as 32k.
inline CLI::Option* add_count_option(CLI::App& app,
                                     const std::string& name,
                                     int64_t& value,
                                     const std::string& description) {
  return take_short_counts(app.add_option(name, value, description));
}

// Every flag's value, by name without dashes: Invocation::options.
Json resolved_options(const CLI::App& app);
// Invocation::defaults.
Json default_options(const CLI::App& app);

// After parsing: applies the config file, checks what is required. Throws UserError.
Invocation resolve(const Command& command, const CLI::App& root);

}  // namespace retmask::cli
