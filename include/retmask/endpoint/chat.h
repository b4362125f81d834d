#pragma once
// OpenAI's chat completions as JSON: what is sent and what comes back.

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
  // Sent when above 0: vLLM and llama.cpp know them, OpenAI refuses them.
  int64_t top_k = 0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;  // sent when not 1; vLLM knows it
  std::vector<std::string> stop = {};
  int64_t max_tokens = 1024;
  uint64_t seed = 0;  // its upper 31 bits are sent, which every server can hold
  bool logprobs = false;
  // Sent as "chat_template_kwargs" (vLLM's name) when not empty.
  Json template_variables = Json::object();
};

enum class ChatEnding {
  stop,             // the model ended it
  cut,              // at max_tokens, or by a content filter
  prompt_too_long,  // refused: the prompt does not fit the model
};

struct ChatReply {
  std::string text;
  std::string reasoning = {};  // the thinking, where the server has taken it out of the text
  int64_t tokens = 0;          // generated ones, as the server counts them
  ChatEnding ending = ChatEnding::stop;
  // Natural log; NaN when the server was not asked.
  double mean_logprob = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> logprobs = {};  // of each token
};

// A reply with status 200 that is no chat completion; what() says why, without the server's words.
class GarbledReply : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string chat_body(const ChatRequest& request, const std::string& model);

// Throws GarbledReply. `logprobs`: they were asked for.
ChatReply parse_chat_reply(const std::string& body, bool logprobs);

// The reason in the body of an error reply, in one line of at most 300 bytes: {"error":
// {"message"}}, {"error"}, {"message"} or {"detail"}, else the beginning of the body.
std::string error_message(const std::string& body);

// Whether an error reply says that the prompt does not fit the model, in the words of OpenAI, vLLM,
// SGLang, Text Generation Inference, llama.cpp and others. Not when it was `max_tokens` alone, of
// the answer, that was too many: that would be so with any prompt.
bool says_prompt_too_long(int status, const std::string& body, int64_t max_tokens = 0);

}  // namespace retmask::endpoint
