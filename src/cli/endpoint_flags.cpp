#include "endpoint_flags.h"

#include "retmask/base/file.h"
#include "server_flags.h"

namespace retmask::cli {

void add_endpoint_flags(CLI::App& app, EndpointFlags& flags, synthesize::Options& options) {
  constexpr char kGroup[] = "Servers";
  endpoint::Options& chosen = options.chosen_server;
  synthesize::JudgeOptions& judge = options.judge;
  add_server_flags(app,
                   {.url = "--endpoint",
                    .model = "--endpoint-model",
                    .what = "URL of an OpenAI-compatible server that generates the chosen answers: "
                            "http://host:8000/v1"},
                   chosen);
  add_server_flags(app,
                   {.url = "--rejected-endpoint",
                    .model = "--rejected-endpoint-model",
                    .what = "URL of a server that generates the rejected answers, for example from "
                            "a masked checkpoint"},
                   options.rejected_server);
  add_server_flags(app,
                   {.url = "--judge-endpoint",
                    .model = "--judge-model",
                    .what = "win-lose: URL of the server that grades answers"},
                   judge.server);
  app.add_option("--judge-prompt",
                 judge.prompt,
                 "Text file with the judge's prompt, with placeholders {question} and {answer}")
      ->group(kGroup);
  add_count_option(
      app, "--judge-max-tokens", judge.max_tokens, "Longest reply of the judge in tokens")
      ->group(kGroup);
  app.add_flag("--endpoint-logprobs",
               chosen.logprobs,
               "Request the log-probs of the answers from the servers")
      ->group(kGroup);
  add_connection_flags(app, chosen);
  add_key_flag(app, "--rejected-endpoint-key-env", "--rejected-endpoint", flags.rejected_key_env);
  add_key_flag(app, "--judge-key-env", "--judge-endpoint", flags.judge_key_env);
}

void share_endpoint_flags(const EndpointFlags& flags, synthesize::Options& options) {
  const endpoint::Options& shared = options.chosen_server;
  share_connection(shared, flags.rejected_key_env, options.rejected_server);
  share_connection(shared, flags.judge_key_env, options.judge.server);
  options.rejected_server.logprobs = shared.logprobs;
}

void record_endpoints(const synthesize::Options& options, RunRecord& run) {
  record_server("endpoint", options.chosen_server, run);
  record_server("rejected-endpoint", options.rejected_server, run);
  record_server("judge-endpoint", options.judge.server, run);
  if (!options.judge.prompt.empty()) {
    run.add_input("judge-prompt", sha256_file(options.judge.prompt));
  }
}

}  // namespace retmask::cli
