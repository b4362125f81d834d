#include "retmask/report/combined_report.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/stop_signals.h"
#include "run_sections.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

constexpr std::array<std::string_view, 5> kCommands = {
    "detect", "mask", "synthesize", "train-dpo", "eval"};

void check_known(const RunFolders& runs) {
  std::string known;
  for (const std::string_view command : kCommands) {
    known += (known.empty() ? "" : ", ") + std::string(command);
  }
  for (const RunFolder& run : runs) {
    if (std::ranges::find(kCommands, run.command) != kCommands.end()) continue;
    user_error(run.dir,
               " is a run of \"",
               run.command,
               "\", which a report cannot include; known: ",
               known);
  }
}

RunFolders evals_of_suite(const RunFolders& runs, const std::string& suite) {
  RunFolders some;
  for (const RunFolder& run : runs_of(runs, "eval")) {
    const Json options = json_get<Json>(run.record, "options", run.where("run.json"));
    if (json_get<std::string>(options, "suite", run.where("run.json")) == suite)
      some.push_back(run);
  }
  return some;
}

// In the order of the method: detect, mask, synthesize, train, evaluate.
HtmlFragment sections(const RunFolders& runs, Table& glance) {
  HtmlFragment body;
  const auto add = [&](const RunFolders& some, auto section) {
    if (!some.empty()) body.append(section(some, glance));
  };
  const RunFolders masks = runs_of(runs, "mask");
  add(runs_of(runs, "detect"),
      [&](const RunFolders& some, Table& lines) { return heads_section(some, masks, lines); });
  add(masks, masks_section);
  add(evals_of_suite(runs, "niah"), needle_section);
  add(runs_of(runs, "synthesize"), pairs_section);
  add(runs_of(runs, "train-dpo"), training_section);
  add(evals_of_suite(runs, "logprob"), logprob_section);
  body.append(facts_section(runs));
  return body;
}

}  // namespace

fs::path write_combined_report(const std::vector<fs::path>& dirs, const fs::path& out) {
  const RunFolders runs = open_runs(dirs);
  check_known(runs);
  Table glance{.columns = {"run", "command", "result"}, .rows = {}};
  const HtmlFragment body = sections(runs, glance);

  HtmlFragment page;
  page.table(glance);
  page.append(body);
  stop_point();
  const fs::path file = out / "report.html";
  write_file_atomic(file, html_page("retmask report", page));
  return file;
}

}  // namespace retmask
