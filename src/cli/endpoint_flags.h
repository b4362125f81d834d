#pragma once
// synthesize's flags for servers: who writes the chosen and the rejected answers, and the judge.

#include <string>

#include "common.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::cli {

// Keys of the second and third server; empty: that of --endpoint-key-env.
struct EndpointFlags {
  std::string rejected_key_env;
  std::string judge_key_env;
};

void add_endpoint_flags(CLI::App& app, EndpointFlags& flags, synthesize::Options& options);

// What is said once holds for all servers.
void share_endpoint_flags(const EndpointFlags& flags, synthesize::Options& options);

// Those that say how and where, not what: a run may go on with others.
inline const std::vector<std::string> kIgnoredEndpointFlags = {"endpoint",
                                                               "rejected-endpoint",
                                                               "judge-endpoint",
                                                               "endpoint-concurrency",
                                                               "endpoint-timeout",
                                                               "endpoint-tries",
                                                               "endpoint-key-env",
                                                               "rejected-endpoint-key-env",
                                                               "judge-key-env"};

// URL and model of each, and the judge's prompt.
void record_endpoints(const synthesize::Options& options, RunRecord& run);

}  // namespace retmask::cli
