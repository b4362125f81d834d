#pragma once
// The frame of a command. Each command has its own pair of files, <name>_command.{h,cpp}:
//
//   struct MaskCommandOptions {  // the library's options, plus what only the command line needs
//     std::filesystem::path model;
//     mask::Options mask;
//   };
//
//   void run_mask(const MaskCommandOptions& options, const Invocation& invocation) {
//     options.mask.validate();  // before any file is opened
//     const OutputLock lock = invocation.claim_out({options.model});  // creates and locks --out
//     RunRecord run = invocation.start_run({.inputs = {{"model", "model"}}});  // starts or resumes
//     const Checkpoint checkpoint(options.model);
//     run.add_input("model", checkpoint.fingerprint());
//     ...  // libraries return plain results; the command prints them on stdout
//     run.finish();  // an exception before this leaves "failed" in run.json
//   }
//
//   Command setup_mask(CLI::App& root) {
//     auto options = std::make_shared<MaskCommandOptions>();
//     Command command = add_command(root,
//                                   "mask",
//                                   "Mask attention heads in a checkpoint",
//                                   "--model llama --heads 18-6,17-3 --out runs/masked");
//     command.app->add_option("--model", options->model, "Checkpoint folder");
//     mask::SelectOptions& select = options->mask.select;
//     command.app->add_option("--top-k", select.top_k, "Number of heads to mask");
//     add_list_option(command, "--heads", select.heads, "Heads to mask, LAYER-HEAD,...");
//     command.required = {"--model"};
//     command.run = [options](const Invocation& invocation) { run_mask(*options, invocation); };
//     return command;
//   }
//
// The header declares only setup_mask; main.cpp's table and CMakeLists.txt get one line each.
// Defaults come from the struct and appear in --help and run.json automatically. Every flag also
// works in the --config file, which is applied after parsing. Therefore use `required` here and
// validate() in the library instead of CLI11's required(), needs() and excludes().

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

// Options of every command.
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

struct PartRecords;  // part_records.h

// One invocation of a command, with flags and config file resolved.
struct Invocation {
  std::string command;  // "detect"
  CommonOptions common;
  Json options;                                   // all flag values, by name without dashes
  Json defaults;                                  // all default values
  std::vector<std::string> on_command_line = {};  // names of the flags given on the command line
  std::vector<std::string> given = {};            // those, and of the flags in the config file
  // --merge: the parts in --out, whose flags are in `options`.
  std::shared_ptr<const PartRecords> parts = nullptr;

  // Creates --out and locks it against other processes. Call it before anything is read or written.
  // Throws UserError if another process writes there, or if --out is, is inside or contains one of
  // `models` (checkpoint folders; empty paths are ignored).
  OutputLock claim_out(const std::vector<std::filesystem::path>& models,
                       OutputLock::Mode mode = OutputLock::Mode::alone) const;

  // Call it after claim_out(). Throws UserError if the folder holds a run with other flags, except
  // for differences that `rules` allow. Of the common flags only seed and dtype are compared.
  RunRecord start_run(RunRules rules = {}, std::optional<Moment> moment = std::nullopt) const;
};

// Records the files of a checkpoint that affect results: weights and config as input `name`,
// tokenizer, templates and generation config as its files. Throws UserError like
// RunRecord::add_input().
void add_model_input(const std::string& name, const Checkpoint& checkpoint, RunRecord& run);

// One hash for several files, in order.
std::string hash_files(const std::vector<std::filesystem::path>& files);

// With this flag the command writes nothing: it needs no --out, and of its flags only `required`.
struct DryRun {
  std::string flag;
  std::vector<std::string> required;
};

// With this flag the command does something else, for which only `required` are mandatory.
struct OtherTask {
  std::string flag;
  std::vector<std::string> required;
};

struct Command {
  CLI::App* app = nullptr;  // owned by the root app
  std::shared_ptr<CommonOptions> common;
  std::vector<std::string> required;  // mandatory flags: "--model"
  std::vector<Alternatives> alternatives = {};
  std::optional<DryRun> dry_run = std::nullopt;
  std::optional<OtherTask> other_task = std::nullopt;
  std::function<void(const Invocation&)> run;
};

using SetupCommand = Command (*)(CLI::App& root);

// Adds the subcommand with the common flags. `example`: the flags of a typical call, shown at the
// end of --help after "retmask <name>".
Command add_command(CLI::App& root,
                    const std::string& name,
                    const std::string& description,
                    const std::string& example);

// A flag that takes several values: "512,1024" or "512 1024" on the command line, an array in the
// config file.
template <typename T>
CLI::Option* add_list_option(Command& command,
                             const std::string& name,
                             std::vector<T>& values,
                             const std::string& description) {
  return command.app->add_option(name, values, description)->delimiter(',');
}

// Adds --max-position, for limit_positions().
void add_max_position_flag(CLI::App& app, int64_t& max_position);

// A length or token count, which may be given as 32k.
inline CLI::Option* add_count_option(CLI::App& app,
                                     const std::string& name,
                                     int64_t& value,
                                     const std::string& description) {
  return take_short_counts(app.add_option(name, value, description));
}

// All flag values, by name without dashes: Invocation::options.
Json resolved_options(const CLI::App& app);
// Invocation::defaults.
Json default_options(const CLI::App& app);
// Whether the value of a flag in resolved_options() is that of one that was never given: null,
// false or an empty list.
bool is_unset(const Json& value);
// The inverse of resolved_options(), for an app that has parsed nothing: gives its flags `options`.
void set_options(CLI::App& app, const Json& options);

// Call it after parsing: applies the config file and checks required flags. Throws UserError.
Invocation resolve(const Command& command, const CLI::App& root);

}  // namespace retmask::cli
