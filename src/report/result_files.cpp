#include "result_files.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

struct CommandFiles {
  std::string_view command;
  std::vector<std::string_view> results;
};

// The journal first: it exists before the other files.
const std::array<CommandFiles, 6>& table() {
  static const std::array<CommandFiles, 6> kTable{
      {{"detect",
        {"samples.jsonl",
         "head_scores.json",
         "summary.json",
         "verify.jsonl",
         "verify.json",
         "compare.json",
         "heads.svg",
         "score_curve.svg",
         "success.svg",
         "verify.svg",
         "needle_logprob.svg",
         "comparison.svg",
         "report.html"}},
       {"mask", {"mask.json"}},
       {"synthesize",
        {"answers.jsonl",
         "verdicts.jsonl",
         "chosen.jsonl.gz",
         "rejected.jsonl.gz",
         "pairs.jsonl",
         "sft.jsonl",
         "summary.json"}},
       {"train-dpo", {"metrics.jsonl", "eval_metrics.jsonl", "checkpoints", "training.json"}},
       {"eval",
        {"predictions.jsonl",
         "first_turns.jsonl",
         "second_turns.jsonl",
         "verdicts.jsonl",
         "results.json",
         "compare.json",
         "compare.csv",
         "compare.md",
         "report.html"}},
       {"report", {"report.html"}}}};
  return kTable;
}

// Rewritten at each start, or validated by a key they contain.
constexpr std::array<std::string_view, 6> kOthers{"run.json",
                                                  "config.json",
                                                  "mask.json",
                                                  "memory_plan.json",
                                                  "reference_logprobs.jsonl",
                                                  "eval_reference_logprobs.jsonl"};

const CommandFiles* files_of(const std::string& command) {
  const auto* found = std::find_if(table().begin(), table().end(), [&](const CommandFiles& files) {
    return files.command == command;
  });
  return found == table().end() ? nullptr : found;
}

bool holds_something(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return !fs::is_empty(path, error);
  return fs::is_regular_file(path, error) && fs::file_size(path, error) > 0;
}

std::vector<fs::path> entries(const fs::path& dir) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) paths.push_back(entry.path());
  return paths;
}

// Output folders of workers: shard-0-of-4 and so on.
bool has_part_with_results(const fs::path& out, const std::string& command) {
  const std::vector<fs::path> paths = entries(out);
  return std::any_of(paths.begin(), paths.end(), [&](const fs::path& path) {
    return path.filename().string().starts_with("shard-") &&
           !first_result_file(path, command).empty();
  });
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_housekeeping(const std::string& name) {
  constexpr std::string_view kProbe = ".writable";
  return name == "run.json" || name == ".lock" || name == ".start.lock" ||
         name == ".checkpoint.tmp" || name.starts_with("run.json.tmp") ||
         (name.starts_with(kProbe) && is_number(std::string_view(name).substr(kProbe.size())));
}

}  // namespace

fs::path first_result_file(const fs::path& out, const std::string& command) {
  const CommandFiles* files = files_of(command);
  if (files == nullptr) return {};
  for (const std::string_view name : files->results) {
    if (holds_something(out / name)) return out / name;
  }
  return {};
}

bool holds_results(const fs::path& out, const std::string& command) {
  if (files_of(command) == nullptr) return holds_other_files(out);  // written by a later version
  return !first_result_file(out, command).empty() || has_part_with_results(out, command);
}

bool holds_other_files(const fs::path& out) {
  const std::vector<fs::path> paths = entries(out);
  return std::any_of(paths.begin(), paths.end(), [](const fs::path& path) {
    return !is_housekeeping(path.filename().string());
  });
}

void remove_leftovers_of_runs(const fs::path& out) {
  for (const std::string_view name : kOthers) remove_leftovers(out / name);
  for (const CommandFiles& files : table()) {
    for (const std::string_view name : files.results) remove_leftovers(out / name);
  }
  for (const fs::path& path : entries(out)) {
    const std::string name = path.filename();
    std::error_code error;
    if (name.starts_with(".writable") && is_housekeeping(name)) fs::remove(path, error);
  }
}

}  // namespace retmask
