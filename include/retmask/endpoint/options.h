#pragma once
// Options of a server connection.

#include <cstdint>
#include <string>

namespace retmask::endpoint {

struct Options {
  std::string url;    // base URL, see parse_chat_url; empty: no endpoint
  std::string model;  // the model's name on the server
  // The environment variable that holds the API key. The key itself is kept only in memory.
  std::string key_env = "OPENAI_API_KEY";
  int64_t concurrency = 16;  // requests in flight, one connection each
  double timeout = 600;      // seconds until a reply must be complete
  int64_t tries = 10;        // per request, before the run fails
  bool logprobs = false;     // request the log-probs of the answers' tokens

  bool given() const { return !url.empty(); }

  // `flag` is the flag of the URL ("--judge-endpoint"), `model_flag` that of the model. Throws
  // UserError.
  void validate(const std::string& flag, const std::string& model_flag) const;
};

// The value of the variable without surrounding white space; empty if the default variable is not
// set. Throws UserError if another variable is not set or its value is not allowed in a header.
// Messages contain neither the key nor the variable's name, since a key may have been given in its
// place.
std::string read_api_key(const std::string& variable);

}  // namespace retmask::endpoint
