#pragma once
// How a server is talked to.

#include <cstdint>
#include <string>

namespace retmask::endpoint {

struct Options {
  std::string url;    // base URL: see parse_chat_url; empty: no such endpoint
  std::string model;  // the name under which the server knows it
  // The environment variable that holds the API key. The key itself is kept in memory alone.
  std::string key_env = "OPENAI_API_KEY";
  int64_t concurrency = 16;  // requests under way at once, a connection each
  double timeout = 600;      // seconds until a reply must be there
  int64_t tries = 10;        // of one request, before the run is given up
  bool logprobs = false;     // ask for the log-probs of the answers' tokens

  bool given() const { return !url.empty(); }

  // `flag` is that of the URL ("--judge-endpoint"), `model_flag` that of the model. Throws
  // UserError.
  void validate(const std::string& flag, const std::string& model_flag) const;
};

// What the variable holds, without white space around it; empty when the default variable is not
// set. Throws UserError when another one is not set or holds what no header can carry. Messages
// contain neither the key nor the variable's name, in place of which a key may have been given.
std::string read_api_key(const std::string& variable);

}  // namespace retmask::endpoint
