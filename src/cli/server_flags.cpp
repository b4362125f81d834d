#include "server_flags.h"

namespace retmask::cli {
namespace {

constexpr char kServers[] = "Servers";

}  // namespace

void add_server_flags(CLI::App& app, const ServerFlags& flags, endpoint::Options& server) {
  app.add_option(flags.url, server.url, flags.what)->group(kServers);
  app.add_option(flags.model, server.model, "Model name on that server")->group(kServers);
}

void add_connection_flags(CLI::App& app, endpoint::Options& shared) {
  app.add_option("--endpoint-concurrency", shared.concurrency, "Concurrent requests to each server")
      ->group(kServers);
  app.add_option("--endpoint-timeout", shared.timeout, "Timeout of a request in seconds")
      ->group(kServers);
  app.add_option("--endpoint-tries",
                 shared.tries,
                 "Attempts per request, with increasing delays, before the run fails")
      ->group(kServers);
  app.add_option("--endpoint-key-env",
                 shared.key_env,
                 "Environment variable that holds the API key; the key is never written to disk")
      ->group(kServers);
}

std::vector<std::string> connection_flag_names() {
  return {"endpoint-concurrency", "endpoint-timeout", "endpoint-tries", "endpoint-key-env"};
}

void add_key_flag(CLI::App& app, const char* flag, const char* server_flag, std::string& key_env) {
  app.add_option(flag,
                 key_env,
                 std::string("The same for ") + server_flag + "; defaults to --endpoint-key-env")
      ->group(kServers);
}

void share_connection(const endpoint::Options& shared,
                      const std::string& key_env,
                      endpoint::Options& server) {
  server.concurrency = shared.concurrency;
  server.timeout = shared.timeout;
  server.tries = shared.tries;
  server.key_env = key_env.empty() ? shared.key_env : key_env;
}

void record_server(const std::string& name, const endpoint::Options& server, RunRecord& run) {
  if (!server.given()) return;
  run.note_input(name, server.url);
  run.add_input(name + "-model", server.model);
}

}  // namespace retmask::cli
