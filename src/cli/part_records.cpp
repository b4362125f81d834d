#include "part_records.h"

#include <algorithm>
#include <memory>

#include "earlier_options.h"
#include "retmask/base/error.h"
#include "retmask/base/part.h"

namespace fs = std::filesystem;

namespace retmask::cli {
namespace {

void check_same(const std::string& what,
                const Json& first,
                const Json& other,
                const std::vector<std::string>& may_differ,
                const Json& defaults,
                const fs::path& first_dir,
                const fs::path& other_dir) {
  Json all = first;
  all.update(other);
  for (const auto& [name, ignored] : all.items()) {
    if (std::ranges::find(may_differ, name) != may_differ.end()) continue;
    const Json before = first.value(name, defaults.value(name, Json()));
    const Json now = other.value(name, defaults.value(name, Json()));
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
               "; all parts of a run must have the same");
  }
}

void check_shard(const Json& options, const fs::path& dir, const Part& part) {
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

bool is_given(const Invocation& invocation, const std::string& flag) {
  return std::ranges::find(invocation.given, flag) != invocation.given.end();
}

std::optional<Moment> moment_in(const Json& record) {
  const Json moment = record.is_object() ? record.value("moment", Json()) : Json();
  return moment.is_string() ? Moment::parse(moment.get<std::string>()) : std::nullopt;
}

}  // namespace

std::optional<Moment> moment_of_parts(const fs::path& out) {
  std::vector<fs::path> files = {out / "run.json"};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(out, error)) {
    if (entry.path().filename().string().starts_with("shard-")) {
      files.push_back(entry.path() / "run.json");
    }
  }
  std::sort(std::next(files.begin()), files.end());
  for (const fs::path& file : files) {
    if (!fs::exists(file, error)) continue;
    try {
      if (const auto moment = moment_in(read_json_file(file, "run record"))) return moment;
    } catch (const UserError&) {  // reported when the record is needed
    }
  }
  return std::nullopt;
}

PartRecords read_part_records(const Invocation& invocation, const PartRules& rules) {
  std::vector<std::string> flags = rules.part_flags;
  for (const std::string& flag : rules.free_flags) {
    if (is_given(invocation, flag)) flags.push_back(flag);
  }
  for (const InputFlag& input : rules.run.inputs) flags.push_back(input.flag);
  for (const auto& [flag, name] : rules.run.settled) flags.push_back(flag);
  for (const std::string& flag : rules.free_inputs) flags.push_back(flag);
  PartRecords parts;
  parts.dirs = find_parts(invocation.common.out);
  for (size_t i = 0; i < parts.dirs.size(); ++i) {
    const fs::path file = parts.dirs[i] / "run.json";
    const Json record = read_json_file(file, "run record");
    const Json options = json_get<Json>(record, "options", file.string());
    const Json inputs = json_get<Json>(record, "inputs", file.string());
    const Json input_files = record.value("input_files", Json::object());
    const Json settled = record.value("settled", Json::object());
    check_shard(
        options,
        parts.dirs[i],
        {.shard = static_cast<int64_t>(i), .num_shards = static_cast<int64_t>(parts.dirs.size())});
    if (i == 0) {
      parts.options = options;
      parts.inputs = inputs;
      parts.input_files = input_files;
      parts.settled = settled;
      parts.moment = moment_in(record);
      parts.device = json_get_or<std::string>(record, "device", "", file.string());
      parts.compute = json_get_or<std::string>(record, "compute", "", file.string());
    }
    const auto same = [&](const char* what,
                          const Json& first,
                          const Json& other,
                          const std::vector<std::string>& free,
                          const Json& fallbacks = Json::object()) {
      check_same(what, first, other, free, fallbacks, parts.dirs[0], parts.dirs[i]);
    };
    same("flag", parts.options, options, flags, invocation.defaults);
    same("input", parts.inputs, inputs, rules.free_inputs);
    same("meaning of", parts.settled, settled, {}, parts.settled);
    for (const auto& [folder, hashes] : parts.input_files.items()) {
      same("input", hashes, input_files.value(folder, Json::object()), {}, hashes);
    }
    const Json throughput = record.value("throughput", Json::object());
    for (const auto& [name, value] : throughput.items()) {
      if (value.is_number()) parts.throughput[name] += value.get<double>();
    }
  }
  return parts;
}

void run_with_flags_of_parts(SetupCommand setup,
                             const Invocation& invocation,
                             const PartRules& rules) {
  if (is_given(invocation, "shard")) user_error("--merge joins all parts; omit --shard");
  const auto parts = std::make_shared<PartRecords>(read_part_records(invocation, rules));
  Invocation merging = invocation;
  merging.options = with_earlier_options(invocation,
                                         parts->options,
                                         rules.part_flags,
                                         rules.free_flags,
                                         rules.run.inputs,
                                         parts->dirs.front().string());
  CLI::App root;
  const Command command = setup(root);
  set_options(*command.app, merging.options);
  merging.common = *command.common;
  merging.parts = parts;
  command.run(merging);
}

}  // namespace retmask::cli
