#include "part_records.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/synthesize/workers.h"

namespace fs = std::filesystem;

namespace retmask::cli {
namespace {

void check_same(const std::string& what,
                const Json& first,
                const Json& other,
                const std::vector<std::string>& may_differ,
                const fs::path& first_dir,
                const fs::path& other_dir) {
  Json all = first;
  all.update(other);
  for (const auto& [name, ignored] : all.items()) {
    if (std::ranges::find(may_differ, name) != may_differ.end()) continue;
    const Json before = first.value(name, Json());
    const Json now = other.value(name, Json());
    if (before == now) continue;
    user_error("--merge: the ",
               what,
               " ",
               name,
               " is ",
               before,
               " in ",
               first_dir,
               " and ",
               now,
               " in ",
               other_dir,
               "; the parts of one run need the same");
  }
}

void check_shard(const Json& options, const fs::path& dir, const synthesize::Part& part) {
  const std::string shard = options.value("shard", "");
  if (shard == part.name()) return;
  user_error("--merge: ",
             dir,
             " holds part ",
             shard,
             ", not ",
             part.name(),
             "; remove it and run the workers' command with --shard ",
             part.name());
}

}  // namespace

PartRecords read_part_records(const fs::path& out, const std::vector<std::string>& may_differ) {
  PartRecords parts;
  parts.dirs = synthesize::find_parts(out);
  for (size_t i = 0; i < parts.dirs.size(); ++i) {
    const fs::path file = parts.dirs[i] / "run.json";
    const Json record = read_json_file(file, "run record");
    const Json options = json_get<Json>(record, "options", file.string());
    const Json inputs = json_get<Json>(record, "inputs", file.string());
    check_shard(
        options,
        parts.dirs[i],
        {.shard = static_cast<int64_t>(i), .num_shards = static_cast<int64_t>(parts.dirs.size())});
    if (i == 0) {
      parts.options = options;
      parts.inputs = inputs;
      parts.device = json_get_or<std::string>(record, "device", "", file.string());
    }
    check_same("flag", parts.options, options, may_differ, parts.dirs[0], parts.dirs[i]);
    check_same("input", parts.inputs, inputs, {}, parts.dirs[0], parts.dirs[i]);
    const Json throughput = record.value("throughput", Json::object());
    parts.tokens_per_second +=
        json_get_or<double>(throughput, "tokens_per_second", 0.0, file.string());
  }
  return parts;
}

}  // namespace retmask::cli
