// retmask: one program with one subcommand per step of the method. The only place that catches
// errors and sets exit codes.

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <vector>

#include "common.h"
#include "detect_command.h"
#include "eval_command.h"
#include "mask_command.h"
#include "number_options.h"
#include "report_command.h"
#include "retmask/base/child_processes.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"
#include "retmask/base/terminal.h"
#include "retmask/report/version.h"
#include "standard_input.h"
#include "suggest.h"
#include "synthesize_command.h"
#include "train_dpo_command.h"

namespace retmask::cli {
namespace {

constexpr int kDone = 0;
constexpr int kFailure = 1;
constexpr int kUserMistake = 2;

// In the order of the method. A new command needs one line here and one in CMakeLists.txt.
constexpr SetupCommand kCommands[] = {
    setup_detect,
    setup_mask,
    setup_synthesize,
    setup_train_dpo,
    setup_eval,
    setup_report,
};

constexpr const char* kFooter =
    "Lengths and token counts (INT|4k) may be written as 4k (4,096) or 1M (1,048,576).\n"
    "Exit codes: 0 done, 2 usage or input error, 75 stopped by SIGTERM, SIGINT or SIGUSR1 (run\n"
    "the same command again to resume), 1 any other error.";

std::string version_line() {
  return "retmask " + std::string(version()) + " (" + std::string(git_revision()) + ")";
}

// Flags belong to a command; before it they would be ignored silently.
void check_nothing_before(const CLI::App& root, const CLI::App& command) {
  const std::vector<std::string> extras = root.remaining();
  if (extras.empty()) return;
  user_error("\"",
             CLI::detail::join(extras, " "),
             "\" comes before the command; flags come after it: retmask ",
             command.get_name(),
             " ",
             CLI::detail::join(extras, " "),
             " ...");
}

const Command& chosen_command(const CLI::App& root, const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    check_nothing_before(root, *command.app);
    return command;
  }
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.app->get_name());
  const std::vector<std::string> extras = root.remaining();
  if (extras.empty()) user_error("no command given; known: ", CLI::detail::join(names, ", "));
  const std::string& first = extras.front();
  user_error("unknown ",
             first.starts_with('-') ? "flag " : "command ",
             first,
             suggestion(first, names),
             "; known commands: ",
             CLI::detail::join(names, ", "));
}

void apply_settings(const CommonOptions& common) {
  log::set_quiet(common.quiet);
  at::set_num_threads(static_cast<int>(common.threads));
}

void run(int argc, char** argv) {
  CLI::App root(
      "Detect the retrieval heads of a language model, mask them, and train on the difference.",
      "retmask");
  root.option_defaults()->always_capture_default();
  root.set_version_flag("--version", version_line());
  root.footer(kFooter);  // before the commands, which inherit it
  // At most one, so that a flag's value may be a folder named like a command; unknown commands are
  // reported below.
  root.require_subcommand(0, 1);
  root.allow_extras();
  std::vector<Command> commands;
  for (const SetupCommand setup : kCommands) {
    commands.push_back(setup(root));
    read_numbers_strictly(*commands.back().app);
  }

  try {
    const std::vector<std::string> arguments = name_standard_input({argv, argv + argc});
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    root.parse(argc, pointers.data());
  } catch (const CLI::Success& request) {
    root.exit(request);  // prints the help or the version
    return;
  } catch (const CLI::ParseError& error) {
    const std::string wrong = wrong_number(root);
    user_error(wrong.empty() ? error.what() : wrong);
  }
  const Command& command = chosen_command(root, commands);
  const Invocation invocation = resolve(command, root);
  apply_settings(invocation.common);
  hold_streams(invocation.options);
  command.run(invocation);
}

int fail(const char* message, int exit_code) {
  std::cerr << "retmask: error: " << printable(message) << std::endl;
  return exit_code;
}

// The whole program; returns its exit code.
int run_and_report(int argc, char** argv) {
  const StopSignals signals;
  try {
    run(argc, argv);
    return kDone;
  } catch (const SilentExit& end) {  // another process has reported the error
    return end.exit_code();
  } catch (const Stopped& stopped) {
    std::cerr << "retmask: " << stopped.what() << std::endl;
    return kStoppedExitCode;
  } catch (const UserError& error) {
    return fail(error.what(), kUserMistake);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", kFailure);
  } catch (const c10::Error& error) {  // libtorch's: out of memory, a failing device
    return fail(error.what_without_backtrace(), kFailure);
  } catch (const std::exception& error) {
    return fail(error.what(), kFailure);
  }
}

}  // namespace
}  // namespace retmask::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // `retmask ... | head`: still write the results to --out
  std::signal(SIGXFSZ, SIG_IGN);  // `ulimit -f`: the write fails and is reported
  const int exit_code = retmask::cli::run_and_report(argc, argv);
  // Not `return`: libtorch's static destructors unregister thousands of operators one by one, which
  // takes a third of a second. All files of ours are closed.
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(exit_code);
}
