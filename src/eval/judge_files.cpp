#include "judge_files.h"

#include <fstream>
#include <optional>
#include <set>

#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace retmask::eval {

Json request_row(const JudgeRequest& request) {
  return {{"id", request.id},
          {"messages", request.chat.messages},
          {"temperature", request.chat.temperature},
          {"top_p", request.chat.top_p},
          {"max_tokens", request.chat.max_tokens}};
}

void check_overwritable(const std::filesystem::path& path, const std::string& flag) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return;
  const std::optional<Json> row = try_parse_json(line);
  if (row && row->is_object() && row->contains("messages") && row->contains("max_tokens")) return;
  user_error(flag,
             " names ",
             path,
             ", which exists and does not hold requests; give another name, or remove it");
}

void write_judge_requests(const std::filesystem::path& path,
                          const std::vector<JudgeRequest>& requests) {
  JsonLinesWriter writer(path);
  for (const JudgeRequest& request : requests) writer.append(request_row(request));
  writer.commit();
  log::info(detail::concat("wrote ", requests.size(), " requests to ", path));
}

std::map<std::string, std::string> read_judge_replies(const std::filesystem::path& path,
                                                      const std::vector<JudgeRequest>& requests) {
  std::set<std::string> known;
  for (const JudgeRequest& request : requests) known.insert(request.id);
  std::map<std::string, std::string> texts;
  for_each_json_line(path, "file of replies", [&](const Json& row, int64_t line) {
    const std::string where = detail::concat(path.string(), ":", line);
    if (!row.is_object()) user_error(where, ": expected an object with \"id\" and \"text\"");
    const auto id = json_get<std::string>(row, "id", where);
    if (!known.contains(id)) {
      user_error(where, ": no request has the id \"", id, "\"; expected replies to this run's");
    }
    if (!texts.emplace(id, json_get<std::string>(row, "text", where)).second) {
      user_error(where, ": a second reply to the request \"", id, "\"");
    }
  });
  return texts;
}

}  // namespace retmask::eval
