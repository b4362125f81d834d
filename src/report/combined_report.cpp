#include "retmask/report/combined_report.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/report/run_report.h"
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

bool has_section_of_its_own(const std::string& suite) {
  return suite == "niah" || suite == "logprob" || suite == "helmet";
}

template <typename Condition>
RunFolders some_of(const RunFolders& runs, const Condition& condition) {
  RunFolders some;
  std::ranges::copy_if(runs, std::back_inserter(some), condition);
  return some;
}

// In the order of the method: detect, mask, synthesize, train, evaluate.
HtmlFragment sections(const RunFolders& runs, Table& glance) {
  HtmlFragment body;
  const auto add = [&](const RunFolders& some, auto section) {
    if (!some.empty()) body.append(section(some, glance));
  };
  const auto results_of = [&](const std::string& command, bool comparisons) {
    return some_of(runs_of(runs, command),
                   [&](const RunFolder& run) { return is_comparison(run) == comparisons; });
  };
  const RunFolders masks = runs_of(runs, "mask");
  const RunFolders evals = results_of("eval", /*comparisons=*/false);
  const auto evals_of = [&](const std::string& suite) {
    return some_of(evals, [&](const RunFolder& run) { return suite_of(run) == suite; });
  };
  add(results_of("detect", /*comparisons=*/false),
      [&](const RunFolders& some, Table& lines) { return heads_section(some, masks, lines); });
  add(results_of("detect", /*comparisons=*/true), head_comparison_section);
  add(masks, masks_section);
  add(evals_of("niah"), needle_section);
  add(runs_of(runs, "synthesize"), pairs_section);
  add(runs_of(runs, "train-dpo"), training_section);
  add(evals_of("logprob"), logprob_section);
  add(evals_of("helmet"), helmet_section);
  add(some_of(evals, [](const RunFolder& run) { return !has_section_of_its_own(suite_of(run)); }),
      benchmarks_section);
  add(results_of("eval", /*comparisons=*/true), eval_comparison_section);
  return body;
}

std::string title_of(const RunFolder& run) {
  if (!is_comparison(run)) {
    const Json options = json_get<Json>(run.record, "options", run.where("run.json"));
    const auto model = json_get_or<std::string>(options, "model", "", run.where("run.json"));
    if (run.command == "detect") return "Retrieval heads of " + model;
    return suite_of(run) + (model.empty() ? "" : ": " + model);
  }
  return run.command == "eval" ? "Comparison of evaluations" : "Comparison of head scores";
}

}  // namespace

fs::path write_combined_report(const std::vector<fs::path>& dirs,
                               const fs::path& out,
                               const std::vector<fs::path>& tables) {
  const RunFolders runs = open_runs(dirs);
  check_known(runs);
  Table glance{.columns = {"run", "command", "result"}, .rows = {}};
  const HtmlFragment body = sections(runs, glance);

  HtmlFragment page;
  page.table(glance);
  page.append(body);
  for (const fs::path& file : tables) page.append(table_section(file));
  page.append(facts_section(runs));
  stop_point();
  return write_page(out, "retmask report", page);
}

void write_run_report(const fs::path& dir) {
  const RunFolders runs = open_runs({dir});
  Table glance;
  HtmlFragment page = sections(runs, glance);
  page.append(method_section(runs.front()));
  write_page(dir, title_of(runs.front()), page);
}

}  // namespace retmask
