#pragma once
// OpenAI chat completions as JSON: requests and replies.

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::endpoint {

struct ChatRequest {
  Json messages;  // [{"role", "content"}, ...]
  double temperature = 1.0;
  double top_p = 1.0;
  // Sent when above 0: vLLM and llama.cpp support them, OpenAI rejects them.
  int64_t top_k = 0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;  // sent when not 1; vLLM supports it
  std::vector<std::string> stop = {};
  int64_t max_tokens = 1024;
  uint64_t seed = 0;  // only its upper 31 bits are sent, which every server accepts
  bool logprobs = false;
  // Sent as "chat_template_kwargs" (vLLM's name) when not empty.
  Json template_variables = Json::object();
};

enum class ChatEnding {
  stop,             // the model ended it
  cut,              // by max_tokens or a content filter
  prompt_too_long,  // rejected: the prompt does not fit the model
};

struct ChatReply {
  std::string text;
  std::string reasoning = {};  // the thinking, if the server separates it from the text
  int64_t tokens = 0;          // generated tokens, as counted by the server
  int64_t prompt_tokens = 0;   // as counted by the server; 0 if it does not say
  ChatEnding ending = ChatEnding::stop;
  // Natural log; NaN if log-probs were not requested.
  double mean_logprob = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> logprobs = {};  // of each token
};

// A reply with status 200 that is not a chat completion; what() gives the reason without quoting
// the server.
class GarbledReply : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string chat_body(const ChatRequest& request, const std::string& model);

// Throws GarbledReply. `logprobs`: whether they were requested.
ChatReply parse_chat_reply(const std::string& body, bool logprobs);

// The reason in the body of an error reply, in one line of at most 300 bytes: {"error":
// {"message"}}, {"error"}, {"message"} or {"detail"}, otherwise the beginning of the body.
std::string error_message(const std::string& body);

// Whether an error reply says that the prompt does not fit the model, in the wording of OpenAI,
// vLLM, SGLang, Text Generation Inference, llama.cpp and others. False if the answer's `max_tokens`
// alone is too large, since that fails for any prompt.
bool says_prompt_too_long(int status, const std::string& body, int64_t max_tokens = 0);

}  // namespace retmask::endpoint
