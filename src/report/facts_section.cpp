#include <algorithm>
#include <array>
#include <string_view>

#include "json_text.h"
#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "run_sections.h"

namespace retmask {
namespace {

// Flags that say where and how fast a run computes, not what.
constexpr std::array<std::string_view, 11> kNeutralFlags = {"out",
                                                            "config",
                                                            "quiet",
                                                            "threads",
                                                            "device",
                                                            "batch-size",
                                                            "shard",
                                                            "workers",
                                                            "merge",
                                                            "nproc",
                                                            "gpus"};

// Those that a comparison reads; run.json has the defaults of the others too.
constexpr std::array<std::string_view, 5> kComparisonFlags = {
    "compare", "top", "mask", "model", "seed"};

// Over all starts in the folder that ended; a killed start recorded no time.
double total_seconds(const Json& record) {
  const auto seconds = [](const Json& start) { return start.value("seconds", Json()); };
  double total = 0;
  Json starts = record.value("earlier", Json::array());
  starts.push_back(record);
  for (const Json& start : starts) {
    if (seconds(start).is_number()) total += seconds(start).get<double>();
  }
  return total;
}

std::string throughput_of(const Json& record) {
  std::string list;
  const Json throughput = record.value("throughput", Json::object());
  for (const auto& [name, value] : throughput.items()) {
    list += (list.empty() ? "" : "\n") + name + " " +
            (value.is_number() ? format_number(value.get<double>()) : value.dump());
  }
  return list;
}

Table key_values(const Json& object) {
  Table table;
  for (const auto& [key, value] : object.items()) table.rows.push_back({key, text_of(value)});
  return table;
}

// Whether a flag bears on the results of a run.
bool is_of_method(const std::string& flag, const RunFolder& run) {
  const auto is_among = [&](const auto& flags) {
    return std::ranges::find(flags, flag) != flags.end();
  };
  return is_comparison(run) ? is_among(kComparisonFlags) : !is_among(kNeutralFlags);
}

}  // namespace

HtmlFragment method_section(const RunFolder& run) {
  HtmlFragment section;
  section.heading("Method");
  Table table;
  const Json options = json_get<Json>(run.record, "options", run.where("run.json"));
  for (const auto& [flag, value] : options.items()) {
    const std::string text = text_of(value);
    if (is_of_method(flag, run) && !text.empty()) table.rows.push_back({flag, text});
  }
  section.table(table);
  return section;
}

HtmlFragment facts_section(const RunFolders& runs) {
  HtmlFragment section;
  section.heading("Runs");
  Table table{.columns = {"run",
                          "command",
                          "status",
                          "started",
                          "time",
                          "device",
                          "threads",
                          "throughput",
                          "build"},
              .rows = {}};
  for (const RunFolder& run : runs) {
    const auto field = [&](const char* key) { return text_of(run.record.value(key, Json())); };
    table.rows.push_back({run.name,
                          run.command,
                          field("status"),
                          field("started"),
                          format_duration(total_seconds(run.record)),
                          field("device"),
                          field("threads"),
                          throughput_of(run.record),
                          field("version") + " " + field("git")});
  }
  section.table(table);
  for (const RunFolder& run : runs) {
    HtmlFragment inside;
    inside.table(key_values(run.record.value("options", Json::object())));
    const Json inputs = run.record.value("inputs", Json::object());
    if (!inputs.empty()) {
      inside.subheading("Inputs (hash)");
      inside.table(key_values(inputs));
    }
    section.details("Options of " + run.name, inside);
  }
  return section;
}

}  // namespace retmask
