#pragma once
// Requests to a judge and its replies as files.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "retmask/eval/judge.h"

namespace retmask::eval {

// {"id", "messages", "temperature", "top_p", "max_tokens"}
Json request_row(const JudgeRequest& request);

// Throws UserError that names `flag` if `path` is a file that write_judge_requests() did not write:
// it would be lost.
void check_overwritable(const std::filesystem::path& path, const std::string& flag);

void write_judge_requests(const std::filesystem::path& path,
                          const std::vector<JudgeRequest>& requests);

// Texts by id, of rows {"id", "text"}; other fields are allowed. Throws UserError with file and
// line for a malformed row and for an id that is unknown or occurs twice.
std::map<std::string, std::string> read_judge_replies(const std::filesystem::path& path,
                                                      const std::vector<JudgeRequest>& requests);

}  // namespace retmask::eval
