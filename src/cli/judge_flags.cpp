#include "judge_flags.h"

#include "retmask/base/file.h"
#include "server_flags.h"

namespace retmask::cli {

eval::JudgeOptions JudgeFlags::resolved(const endpoint::Options& shared) const {
  eval::JudgeOptions resolved = options;
  share_connection(shared, key_env, resolved.server);
  return resolved;
}

void add_judge_flags(CLI::App& app, JudgeFlags& flags, const std::string& what) {
  eval::JudgeOptions& judge = flags.options;
  const std::string flag = "--" + judge.name;
  const std::string url = flag + "-endpoint";
  const std::string model = flag + "-model";
  const std::string text = what + ": URL of an OpenAI-compatible server that judges answers";
  add_server_flags(
      app, {.url = url.c_str(), .model = model.c_str(), .what = text.c_str()}, judge.server);
  add_key_flag(app, (flag + "-key-env").c_str(), url.c_str(), flags.key_env);
  app.add_option(flag + "-requests",
                 judge.requests,
                 "Instead of a server: write the requests to this JSONL file and leave the scores "
                 "open")
      ->group("Servers");
  app.add_option(flag + "-replies",
                 judge.replies,
                 "Instead of a server: JSONL file with the replies to such requests, id and text "
                 "per row")
      ->group("Servers");
}

void add_judge_command_flag(CLI::App& app, JudgeFlags& flags) {
  app.add_option("--" + flags.options.name + "-command",
                 flags.options.command,
                 "Instead of a server: shell command that reads a JSON line with premise and "
                 "hypothesis per request and writes a line 1 or 0 for each")
      ->group("Servers");
}

std::vector<std::string> judge_flag_names(const std::string& name) {
  return {name + "-endpoint",
          name + "-model",
          name + "-key-env",
          name + "-requests",
          name + "-replies"};
}

eval::JudgeReplies ask_judge(const eval::JudgeOptions& options,
                             const std::vector<eval::JudgeRequest>& requests,
                             const std::filesystem::path& journal,
                             RunRecord& run) {
  record_server(options.name + "-endpoint", options.server, run);
  if (!options.replies.empty()) {
    run.note_input(options.name + "-replies", sha256_file(options.replies));
  }
  if (!options.command.empty()) {
    run.add_input(options.name + "-command", sha256(options.command));
  }
  eval::JudgeReplies replies = eval::ask_judge(options, requests, journal);
  if (options.server.given()) {
    run.set_use(options.name,
                {{"model", options.server.model},
                 {"requests", replies.use.requests},
                 {"prompt_tokens", replies.use.prompt_tokens},
                 {"new_tokens", replies.use.new_tokens}});
  }
  return replies;
}

}  // namespace retmask::cli
