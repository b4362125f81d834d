#include "report_command.h"

namespace retmask::cli {
namespace {

struct ReportCommandOptions {
  std::vector<std::filesystem::path> runs;
};

void run_report(const ReportCommandOptions& options, const Invocation& invocation) {
  RunRecord run = invocation.start_run();
  (void)options;
  run.finish();
}

}  // namespace

Command setup_report(CLI::App& root) {
  auto options = std::make_shared<ReportCommandOptions>();
  Command command =
      add_command(root, "report", "Combine the folders of several runs into one HTML report");
  add_list_option(command, "--runs", options->runs, "Folders of runs");
  command.required = {"--runs"};
  command.run = [options](const Invocation& invocation) { run_report(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
