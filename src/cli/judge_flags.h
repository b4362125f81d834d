#pragma once
// eval's flags for judges: where the replies come from.

#include <string>

#include "common.h"
#include "retmask/eval/judge.h"

namespace retmask::cli {

struct JudgeFlags {
  eval::JudgeOptions options = {};
  std::string key_env = {};  // empty: as --endpoint-key-env

  // With the flags that hold for all servers.
  eval::JudgeOptions resolved(const endpoint::Options& shared) const;
};

// --judge-endpoint, --judge-model, --judge-key-env, --judge-requests and --judge-replies; with
// another options.name than "judge", that name instead. `what`: what the judge does, for --help.
void add_judge_flags(CLI::App& app, JudgeFlags& flags, const std::string& what);

// --nli-command, for a judge whose requests are pairs of texts.
void add_judge_command_flag(CLI::App& app, JudgeFlags& flags);

// Names of the flags of add_judge_flags(), for the table of suites. A run may be resumed with
// others: with a server after its requests were written to a file. That the model of a server stays
// the same, ask_judge() sees to.
std::vector<std::string> judge_flag_names(const std::string& name = "judge");

// eval::ask_judge() with <out>/`journal`; records server, model, replies and use in run.json.
eval::JudgeReplies ask_judge(const eval::JudgeOptions& options,
                             const std::vector<eval::JudgeRequest>& requests,
                             const std::filesystem::path& journal,
                             RunRecord& run);

}  // namespace retmask::cli
