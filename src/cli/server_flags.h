#pragma once
// Flags of connections to OpenAI-compatible servers, wherever a command has some.

#include <string>

#include "common.h"
#include "retmask/endpoint/options.h"

namespace retmask::cli {

// Names of one server's flags, and the text of the first in --help.
struct ServerFlags {
  const char* url;    // "--judge-endpoint"
  const char* model;  // "--judge-model"
  const char* what;   // "URL of the server that grades answers"
};
void add_server_flags(CLI::App& app, const ServerFlags& flags, endpoint::Options& server);

// --endpoint-concurrency, --endpoint-timeout, --endpoint-tries and --endpoint-key-env, which hold
// for all servers of a command.
void add_connection_flags(CLI::App& app, endpoint::Options& shared);
// Names of these flags, which do not affect the answers.
std::vector<std::string> connection_flag_names();
// The key of one of them: `flag` is "--judge-key-env", `server_flag` "--judge-endpoint".
void add_key_flag(CLI::App& app, const char* flag, const char* server_flag, std::string& key_env);

// `server` with the shared flags, and its own `key_env` unless that is empty.
void share_connection(const endpoint::Options& shared,
                      const std::string& key_env,
                      endpoint::Options& server);

// Records URL and model of a server. The URL may change when the run resumes.
void record_server(const std::string& name, const endpoint::Options& server, RunRecord& run);

}  // namespace retmask::cli
