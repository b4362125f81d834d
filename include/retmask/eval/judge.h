#pragma once
// The judge of answers: a language model that replies to requests, on a server, as a command or
// through files.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/endpoint/chat.h"
#include "retmask/endpoint/options.h"

namespace retmask::eval {

// At most one of server, command, requests and replies is given; without any, all replies are
// missing.
struct JudgeOptions {
  std::string name = "judge";           // of its flags, --judge-endpoint and so on, and in messages
  endpoint::Options server = {};        // answers the requests
  std::string command = {};             // instead: a shell command that decides pairs of texts
  std::filesystem::path requests = {};  // instead: the file to write them to, for somebody else
  std::filesystem::path replies = {};   // instead: the file of that one's replies

  bool given() const {
    return server.given() || !command.empty() || !requests.empty() || !replies.empty();
  }
  // Throws UserError.
  void validate() const;
};

struct JudgeRequest {
  std::string id = {};              // unique within a run
  endpoint::ChatRequest chat = {};  // messages, temperature, max_tokens and so on
  Json pair = {};                   // for a command: {"premise", "hypothesis"}; null: it has none
};

// Counts of the server, over all starts of the run.
struct JudgeUse {
  int64_t requests = 0;
  int64_t prompt_tokens = 0;  // 0 if the server does not count them
  int64_t new_tokens = 0;
};

struct JudgeReplies {
  std::map<std::string, std::string> texts = {};  // by id; not of requests without a reply
  JudgeUse use = {};                              // of the server

  // Null if there is no reply. A request that was too long for the judge has an empty one.
  const std::string* find(const std::string& id) const;
};

// The replies to `requests`.
//   With a server: asks it for those that `journal` (verdicts.jsonl) lacks. A row {"id", "request":
//   a hash of the request, "text", "prompt_tokens", "new_tokens"} is on disk as soon as its reply
//   has arrived, so a stopped run asks nothing twice; at the end the rows are put into the order of
//   the requests. Throws UserError if the journal has replies to other requests, and what
//   endpoint::ChatClient throws.
//   With a command: runs it once (base/line_command.h) for the requests that the journal lacks. It
//   reads a line {"id", "premise", "hypothesis"} for each and must answer 1 or 0. Throws UserError
//   for another answer and like run_line_command().
//   With `options.requests`: writes that file, a row {"id", "messages", "temperature", "top_p",
//   "max_tokens"} per request, and returns no replies.
//   With `options.replies`: reads rows {"id", "text"}; requests without a row have no reply. Throws
//   UserError for an id that is unknown or occurs twice.
JudgeReplies ask_judge(const JudgeOptions& options,
                       const std::vector<JudgeRequest>& requests,
                       const std::filesystem::path& journal);

}  // namespace retmask::eval
