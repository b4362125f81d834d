#include "endpoint_flags.h"

#include "retmask/base/file.h"

namespace retmask::cli {
namespace {

constexpr char kGroup[] = "Servers";

void record_endpoint(const std::string& name, const endpoint::Options& server, RunRecord& run) {
  if (!server.given()) return;
  run.note_input(name, server.url);
  run.add_input(name + "-model", server.model);
}

}  // namespace

void add_endpoint_flags(CLI::App& app, EndpointFlags& flags, synthesize::Options& options) {
  endpoint::Options& chosen = options.chosen_server;
  endpoint::Options& rejected = options.rejected_server;
  synthesize::JudgeOptions& judge = options.judge;
  app.add_option("--endpoint",
                 chosen.url,
                 "URL of an OpenAI-compatible server that generates the chosen answers: "
                 "http://host:8000/v1")
      ->group(kGroup);
  app.add_option("--endpoint-model", chosen.model, "Model name on that server")->group(kGroup);
  app.add_option("--rejected-endpoint",
                 rejected.url,
                 "URL of a server that generates the rejected answers, for example from a masked "
                 "checkpoint")
      ->group(kGroup);
  app.add_option("--rejected-endpoint-model", rejected.model, "Model name on that server")
      ->group(kGroup);
  app.add_option(
         "--judge-endpoint", judge.server.url, "win-lose: URL of the server that grades answers")
      ->group(kGroup);
  app.add_option("--judge-model", judge.server.model, "Model name on that server")->group(kGroup);
  app.add_option("--judge-prompt",
                 judge.prompt,
                 "Text file with the judge's prompt, with placeholders {question} and {answer}")
      ->group(kGroup);
  add_count_option(
      app, "--judge-max-tokens", judge.max_tokens, "Longest reply of the judge in tokens")
      ->group(kGroup);
  app.add_option("--endpoint-concurrency", chosen.concurrency, "Concurrent requests to each server")
      ->group(kGroup);
  app.add_option("--endpoint-timeout", chosen.timeout, "Timeout of a request in seconds")
      ->group(kGroup);
  app.add_option("--endpoint-tries",
                 chosen.tries,
                 "Attempts per request, with increasing delays, before the run fails")
      ->group(kGroup);
  app.add_flag("--endpoint-logprobs",
               chosen.logprobs,
               "Request the log-probs of the answers from the servers")
      ->group(kGroup);
  app.add_option("--endpoint-key-env",
                 chosen.key_env,
                 "Environment variable that holds the API key; the key is never written to disk")
      ->group(kGroup);
  app.add_option("--rejected-endpoint-key-env",
                 flags.rejected_key_env,
                 "The same for --rejected-endpoint; defaults to --endpoint-key-env")
      ->group(kGroup);
  app.add_option("--judge-key-env",
                 flags.judge_key_env,
                 "The same for --judge-endpoint; defaults to --endpoint-key-env")
      ->group(kGroup);
}

void share_endpoint_flags(const EndpointFlags& flags, synthesize::Options& options) {
  const endpoint::Options& shared = options.chosen_server;
  for (endpoint::Options* server : {&options.rejected_server, &options.judge.server}) {
    server->concurrency = shared.concurrency;
    server->timeout = shared.timeout;
    server->tries = shared.tries;
    server->key_env = shared.key_env;
  }
  options.rejected_server.logprobs = shared.logprobs;
  if (!flags.rejected_key_env.empty()) options.rejected_server.key_env = flags.rejected_key_env;
  if (!flags.judge_key_env.empty()) options.judge.server.key_env = flags.judge_key_env;
}

void record_endpoints(const synthesize::Options& options, RunRecord& run) {
  record_endpoint("endpoint", options.chosen_server, run);
  record_endpoint("rejected-endpoint", options.rejected_server, run);
  record_endpoint("judge-endpoint", options.judge.server, run);
  if (!options.judge.prompt.empty()) {
    run.add_input("judge-prompt", sha256_file(options.judge.prompt));
  }
}

}  // namespace retmask::cli
