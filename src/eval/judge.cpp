#include "retmask/eval/judge.h"

#include <utility>

#include "judge_files.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/line_command.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"
#include "retmask/base/sample_journal.h"
#include "retmask/endpoint/chat_client.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

// The part of a row of verdicts.jsonl that is known before the reply.
Json identity_of(const JudgeRequest& request) {
  return {{"id", request.id}, {"request", sha256(dump_json_line(request_row(request)))}};
}

SampleJournal open_verdicts(const fs::path& path, const std::vector<JudgeRequest>& requests) {
  std::vector<Json> identities;
  identities.reserve(requests.size());
  for (const JudgeRequest& request : requests) identities.push_back(identity_of(request));
  return SampleJournal(path, identities);
}

JudgeReplies to_replies(const std::vector<Json>& rows, const std::string& where) {
  JudgeReplies replies;
  for (const Json& row : rows) {
    replies.texts.emplace(json_get<std::string>(row, "id", where),
                          json_get<std::string>(row, "text", where));
    ++replies.use.requests;
    replies.use.prompt_tokens += json_get<int64_t>(row, "prompt_tokens", where);
    replies.use.new_tokens += json_get<int64_t>(row, "new_tokens", where);
  }
  return replies;
}

Progress progress_of(const JudgeOptions& options, size_t requests, size_t open) {
  const auto total = static_cast<int64_t>(requests);
  return {options.name, total, "replies", total - static_cast<int64_t>(open)};
}

JudgeReplies ask_command(const JudgeOptions& options,
                         const std::vector<JudgeRequest>& requests,
                         const fs::path& path) {
  SampleJournal verdicts = open_verdicts(path, requests);
  const std::vector<size_t> open = verdicts.waiting();
  std::vector<std::string> lines;
  for (const size_t i : open) {
    RETMASK_CHECK(requests[i].pair.is_object(), requests[i].id);
    Json line = {{"id", requests[i].id}};
    line.update(requests[i].pair);
    lines.push_back(dump_json_line(line));
  }
  const std::string flag = "--" + options.name + "-command";
  Progress progress = progress_of(options, requests.size(), open.size());
  const auto on_answer = [&](size_t i, const std::string& answer) {
    if (answer != "0" && answer != "1") {
      user_error(flag, ": line ", i + 1, " of its output is \"", answer, "\", expected 1 or 0");
    }
    Json row = identity_of(requests[open[i]]);
    row["text"] = answer;
    row["prompt_tokens"] = 0;
    row["new_tokens"] = 0;
    verdicts.finish(open[i], std::move(row));
    progress.advance();
  };
  if (!open.empty()) run_line_command(flag, options.command, lines, on_answer);
  progress.finish();
  return to_replies(std::move(verdicts).close(), path.string());
}

JudgeReplies ask_judge_server(const JudgeOptions& options,
                              const std::vector<JudgeRequest>& requests,
                              const fs::path& path) {
  SampleJournal verdicts = open_verdicts(path, requests);
  const std::vector<size_t> open = verdicts.waiting();
  Progress progress = progress_of(options, requests.size(), open.size());
  int64_t too_long = 0;
  const auto on_reply = [&](size_t i, const endpoint::ChatReply& reply) {
    if (reply.ending == endpoint::ChatEnding::prompt_too_long) ++too_long;
    Json row = identity_of(requests[open[i]]);
    row["text"] = reply.text;
    row["prompt_tokens"] = reply.prompt_tokens;
    row["new_tokens"] = reply.tokens;
    verdicts.finish(open[i], std::move(row));
    progress.advance();
  };
  if (!open.empty()) {
    const endpoint::ChatClient client(options.server);
    client.run(
        open.size(), [&](size_t i) { return requests[open[i]].chat; }, on_reply);
  }
  progress.finish();
  if (too_long > 0) {
    log::warn(detail::concat(
        too_long, " requests are too long for the ", options.name, "'s model and have no reply"));
  }
  return to_replies(std::move(verdicts).close(), path.string());
}

}  // namespace

void JudgeOptions::validate() const {
  const std::string flag = "--" + name;
  server.validate(flag + "-endpoint", flag + "-model");
  const int ways = static_cast<int>(server.given()) + static_cast<int>(!command.empty()) +
                   static_cast<int>(!requests.empty()) + static_cast<int>(!replies.empty());
  if (ways > 1) {
    const std::string last = command.empty() ? "" : " or " + flag + "-command";
    user_error(
        "give only one of ", flag, "-endpoint, ", flag, "-requests and ", flag, "-replies", last);
  }
  if (!requests.empty()) check_overwritable(requests, flag + "-requests");
}

const std::string* JudgeReplies::find(const std::string& id) const {
  const auto found = texts.find(id);
  return found == texts.end() ? nullptr : &found->second;
}

JudgeReplies ask_judge(const JudgeOptions& options,
                       const std::vector<JudgeRequest>& requests,
                       const fs::path& journal) {
  if (options.server.given()) return ask_judge_server(options, requests, journal);
  if (!options.command.empty()) return ask_command(options, requests, journal);
  if (!options.replies.empty()) return {.texts = read_judge_replies(options.replies, requests)};
  if (!options.requests.empty()) write_judge_requests(options.requests, requests);
  return {};
}

}  // namespace retmask::eval
