#include "report_command.h"

#include <iostream>

#include "retmask/report/combined_report.h"

namespace retmask::cli {
namespace {

struct ReportCommandOptions {
  std::vector<std::filesystem::path> runs;
};

void run_report(const ReportCommandOptions& options, const Invocation& invocation) {
  // A report is cheap and always made anew, so another list of runs may replace the one in the
  // folder.
  const OutputLock lock = invocation.claim_out({});
  RunRecord run = invocation.start_run({.ignored = {"runs"}, .inputs = {}, .settled = {}});
  const auto file = write_combined_report(options.runs, invocation.common.out);
  run.finish();
  std::cout << "report: " << file.string() << std::endl;
}

}  // namespace

Command setup_report(CLI::App& root) {
  auto options = std::make_shared<ReportCommandOptions>();
  Command command =
      add_command(root, "report", "Combine the folders of several runs into one HTML report");
  add_list_option(command, "--runs", options->runs, "Folders that other commands wrote with --out");
  command.required = {"--runs"};
  command.run = [options](const Invocation& invocation) { run_report(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
