#pragma once
// Answers of a model behind an OpenAI-compatible server, which applies its own chat template.

#include <functional>
#include <string>
#include <vector>

#include "retmask/base/sample_journal.h"
#include "retmask/endpoint/chat.h"
#include "retmask/endpoint/options.h"
#include "retmask/eval/answer_samples.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct ServerLoop {
  std::string title;  // of the progress line
  std::function<endpoint::ChatRequest(size_t sample)> request;
  std::function<Json(size_t sample, const endpoint::ChatReply& reply)> row;
};

// Asks for the samples that wait in the journal and keeps a row of each. Throws UserError and
// endpoint::EndpointFailure.
AnsweredSamples ask_server(const endpoint::Options& server,
                           const ServerLoop& loop,
                           SampleJournal& journal);

// {"prompt_tokens", "new_tokens"} as the server counts them: "server" in a row.
Json tokens_of_server(const endpoint::ChatReply& reply);

// Sends the messages of each sample that waits in the journal, with its sampling, its limit and a
// seed derived from options.seed and its id. Stop texts are applied here as well, since servers
// take at most four. A row is that of answer_samples(), with "thinking" where the server or the
// text separates it from the answer, and "server" (tokens_of_server); a prompt that it
// finds too long gives an error row. Throws like ask_server().
AnsweredSamples answer_by_server(const endpoint::Options& server,
                                 const std::vector<Sample>& samples,
                                 const AnswerOptions& options,
                                 SampleJournal& journal);

// {"model", "requests", "prompt_tokens", "new_tokens"}, summed over the rows.
Json server_use(const endpoint::Options& server, const std::vector<Json>& rows);

}  // namespace retmask::eval
