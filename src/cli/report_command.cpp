#include "report_command.h"

#include <iostream>

#include "retmask/report/combined_report.h"

namespace retmask::cli {
namespace {

struct ReportCommandOptions {
  std::vector<std::filesystem::path> runs;
  std::vector<std::filesystem::path> tables;
};

void run_report(const ReportCommandOptions& options, const Invocation& invocation) {
  // A report is cheap and always rebuilt, so it may be replaced by one of other runs.
  const OutputLock lock = invocation.claim_out({});
  RunRecord run =
      invocation.start_run({.ignored = {"runs", "tables"}, .inputs = {}, .settled = {}});
  const auto file = write_combined_report(options.runs, invocation.common.out, options.tables);
  run.finish();
  std::cout << "report: " << file.string() << std::endl;
}

}  // namespace

Command setup_report(CLI::App& root) {
  auto options = std::make_shared<ReportCommandOptions>();
  Command command = add_command(root,
                                "report",
                                "Combine several runs into one HTML report",
                                "--runs runs/detect,runs/eval --out runs/report");
  add_list_option(command, "--runs", options->runs, "Output folders (--out) of other commands");
  add_list_option(command,
                  "--tables",
                  options->tables,
                  "JSONL files with the same keys in every row, shown as tables under the files' "
                  "names");
  command.required = {"--runs"};
  command.run = [options](const Invocation& invocation) { run_report(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
