#pragma once
// The sections of the combined report, one per command. Each receives the runs of its command, at
// least one, and adds a row per run to `glance`, the table at the top: run, command, result.

#include "html.h"
#include "retmask/base/head.h"
#include "retmask/report/helmet_tables.h"
#include "run_folder.h"

namespace retmask {

// `masks`: the mask runs, whose heads are outlined and listed.
HtmlFragment heads_section(const RunFolders& detections, const RunFolders& masks, Table& glance);
HtmlFragment masks_section(const RunFolders& masks, Table& glance);
// compare.json of detect --compare.
HtmlFragment head_comparison_section(const RunFolders& runs, Table& glance);
HtmlFragment pairs_section(const RunFolders& runs, Table& glance);
HtmlFragment training_section(const RunFolders& runs, Table& glance);
HtmlFragment needle_section(const RunFolders& evals, Table& glance);
HtmlFragment logprob_section(const RunFolders& evals, Table& glance);
HtmlFragment helmet_section(const RunFolders& evals, Table& glance);
// Its figure and its tables of these runs; `suffix`: of the figure's file name.
HtmlFragment helmet_results(const std::vector<HelmetRun>& runs, const std::string& suffix = {});
// The other suites: every number and table of results.json.
HtmlFragment benchmarks_section(const RunFolders& evals, Table& glance);
// compare.json of eval --compare.
HtmlFragment eval_comparison_section(const RunFolders& runs, Table& glance);
// A JSONL file of objects; the first row's keys are the columns.
HtmlFragment table_section(const std::filesystem::path& file);
// Timings, machines, options and inputs of all runs.
HtmlFragment facts_section(const RunFolders& runs);
// The options of one run that bear on its results: the same for each run of them.
HtmlFragment method_section(const RunFolder& run);

std::vector<Head> masked_heads(const RunFolder& mask);

}  // namespace retmask
