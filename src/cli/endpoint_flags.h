#pragma once
// synthesize's flags for servers: for the chosen answers, the rejected answers and the judge.

#include <string>

#include "common.h"
#include "retmask/synthesize/options.h"

namespace retmask::cli {

// API keys of the second and third server; empty: as --endpoint-key-env.
struct EndpointFlags {
  std::string rejected_key_env;
  std::string judge_key_env;
};

void add_endpoint_flags(CLI::App& app, EndpointFlags& flags, synthesize::Options& options);

// Copies the flags that apply to all servers.
void share_endpoint_flags(const EndpointFlags& flags, synthesize::Options& options);

// Flags that do not affect the answers: a run may be resumed with other values.
inline const std::vector<std::string> kIgnoredEndpointFlags = {"endpoint",
                                                               "rejected-endpoint",
                                                               "judge-endpoint",
                                                               "endpoint-concurrency",
                                                               "endpoint-timeout",
                                                               "endpoint-tries",
                                                               "endpoint-key-env",
                                                               "rejected-endpoint-key-env",
                                                               "judge-key-env"};

// Records URL and model of each server, and the judge's prompt.
void record_endpoints(const synthesize::Options& options, RunRecord& run);

}  // namespace retmask::cli
