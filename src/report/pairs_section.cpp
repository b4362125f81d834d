#include <algorithm>

#include "json_text.h"
#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "retmask/report/text.h"
#include "run_sections.h"

namespace retmask {
namespace {

constexpr size_t kShownPairs = 5;
constexpr size_t kFoldedPairs = 20;
constexpr size_t kLongestText = 600;  // bytes of text in a table cell

// At most kLongestText bytes, cut at a character boundary.
std::string clipped(const std::string& text) {
  if (text.size() <= kLongestText) return text;
  size_t end = kLongestText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + " …";
}

// The last message of a list: the question or the answer.
std::string last_content(const Json& row, const std::string& key, const std::string& where) {
  const auto messages = json_get<std::vector<Json>>(row, key, where);
  if (messages.empty()) user_error(where, ": \"", key, "\" has no message");
  return json_get<std::string>(messages.back(), "content", where);
}

Table pair_table(const std::vector<Json>& pairs,
                 size_t begin,
                 size_t end,
                 const std::string& where) {
  Table table{.columns = {"instruction", "chosen", "rejected"}, .rows = {}};
  for (size_t i = begin; i < std::min(end, pairs.size()); ++i) {
    table.rows.push_back({clipped(last_content(pairs[i], "prompt", where)),
                          clipped(last_content(pairs[i], "chosen", where)),
                          clipped(last_content(pairs[i], "rejected", where))});
  }
  return table;
}

// Statistics of pairs.jsonl, which may be gigabytes.
struct Pairs {
  int64_t count = 0;
  // Sums of the answers' mean log-probs over `with_logprobs` pairs: answers from servers have none.
  double chosen_logprobs = 0;
  double rejected_logprobs = 0;
  int64_t with_logprobs = 0;
  std::vector<Json> first;
};

std::optional<double> mean_logprob(const Json& pair,
                                   const std::string& side,
                                   const std::string& where) {
  const Json answer = json_get<Json>(json_get<Json>(pair, "meta", where), side, where);
  if (const auto found = answer.find("mean_logprob"); found != answer.end() && found->is_null())
    return std::nullopt;
  return json_get<double>(answer, "mean_logprob", where);
}

Pairs read_pairs(const RunFolder& run) {
  const std::string where = run.where("pairs.jsonl");
  Pairs pairs;
  run.for_each_line("pairs.jsonl", [&](const Json& pair, int64_t) {
    ++pairs.count;
    const auto chosen = mean_logprob(pair, "chosen", where);
    const auto rejected = mean_logprob(pair, "rejected", where);
    if (chosen && rejected) {
      ++pairs.with_logprobs;
      pairs.chosen_logprobs += *chosen;
      pairs.rejected_logprobs += *rejected;
    }
    if (pairs.first.size() < kShownPairs + kFoldedPairs) pairs.first.push_back(pair);
  });
  return pairs;
}

std::string count_of(const Json& object, const std::string& key, const std::string& where) {
  return std::to_string(json_get<int64_t>(object, key, where));
}

// The policies that answered; win-lose has a single one.
std::vector<std::string> sides_of(const Json& summary) {
  std::vector<std::string> sides = {"chosen"};
  if (summary.contains("rejected")) sides.emplace_back("rejected");
  return sides;
}

// All answers, including those whose pair was dropped.
Table length_table(const Json& summary, const std::string& where) {
  Table table{
      .columns =
          {"answers", "count", "tokens", "mean", "median", "p90", "longest", "finished", "runaway"},
      .rows = {}};
  for (const std::string& side : sides_of(summary)) {
    const Json stats = json_get<Json>(summary, side, where);
    const auto number = [&](const char* key) {
      return format_number(json_get<double>(stats, key, where));
    };
    table.rows.push_back({side,
                          count_of(stats, "answers", where),
                          count_of(stats, "tokens", where),
                          number("mean"),
                          number("median"),
                          number("p90"),
                          count_of(stats, "max", where),
                          count_of(stats, "finished", where),
                          count_of(stats, "runaway", where)});
  }
  return table;
}

std::string length_chart(const Json& summary, const std::string& where) {
  const Json histogram = json_get<Json>(summary, "length_histogram", where);
  const auto width = json_get<int64_t>(histogram, "width", where);
  BarChart chart{.title = "Length of the answers",
                 .y_label = "answers",
                 .groups = {},
                 .series = sides_of(summary),
                 .values = {}};
  for (const std::string& side : chart.series) {
    chart.values.push_back(json_get<std::vector<double>>(histogram, side, where));
  }
  if (chart.values.front().size() != chart.values.back().size()) {
    user_error(where, ": \"length_histogram\" has more bins for one side than for the other");
  }
  for (size_t bin = 0; bin < chart.values[0].size(); ++bin) {
    const int64_t begin = static_cast<int64_t>(bin) * width;
    const int64_t end = begin + width - 1;
    chart.groups.push_back(std::to_string(begin) + (width == 1 ? "" : "–" + std::to_string(end)));
  }
  return bar_chart_svg(chart);
}

// "48 pairs kept; dropped: 2 empty_answer, 1 runaway. Mean log-prob ..."
std::string sum_up(const Pairs& pairs, const Json& summary, const std::string& where) {
  const Json counts = json_get<Json>(summary, "pairs", where);
  std::string dropped;
  const Json by_reason = json_get<Json>(counts, "dropped_by_reason", where);
  for (const auto& [reason, count] : by_reason.items()) {
    if (count == 0) continue;
    dropped += (dropped.empty() ? "; dropped: " : ", ") + count.dump() + " " + reason;
  }
  std::string text = std::to_string(pairs.count) + " pairs kept" + dropped + ".";
  if (pairs.count == 0) return text;
  if (pairs.with_logprobs == 0) return text + " Log-probs unknown: answers came from a server.";
  const auto count = static_cast<double>(pairs.with_logprobs);
  return text +
         " Mean log-prob of a kept answer: " + format_number(pairs.chosen_logprobs / count, 3) +
         " chosen, " + format_number(pairs.rejected_logprobs / count, 3) + " rejected.";
}

// --strategy sft: answers to imitate, with no rejected ones.
void imitation_section(const RunFolder& run, HtmlFragment& section, Table& glance) {
  const std::string where = run.where("sft.jsonl");
  int64_t rows = 0;
  Table table{.columns = {"instruction and answer"}, .rows = {}};
  run.for_each_line("sft.jsonl", [&](const Json& row, int64_t) {
    if (++rows > static_cast<int64_t>(kShownPairs)) return;
    for (const Json& message : json_get<std::vector<Json>>(row, "messages", where)) {
      table.rows.push_back({clipped(json_get<std::string>(message, "content", where))});
    }
  });
  const std::string count = std::to_string(rows) + " conversations";
  glance.rows.push_back({run.name, run.command, count});
  section.paragraph(count + " to imitate (sft.jsonl), without rejected answers.");
  if (rows > 0) section.table(table);
}

}  // namespace

HtmlFragment pairs_section(const RunFolders& runs, Table& glance) {
  HtmlFragment section;
  section.heading("Preference pairs");
  section.paragraph(
      "Two answers to each instruction: the chosen one from the model with all its heads, the "
      "rejected one from the masked model or another checkpoint.");
  for (const RunFolder& run : runs) {
    if (std::filesystem::exists(run.dir / "sft.jsonl")) {
      if (runs.size() > 1) section.subheading(run.name);
      imitation_section(run, section, glance);
      continue;
    }
    const Pairs pairs = read_pairs(run);
    const Json summary = run.read("summary.json");
    const std::string summary_place = run.where("summary.json");
    const std::string where = run.where("pairs.jsonl");
    if (runs.size() > 1) section.subheading(run.name);
    glance.rows.push_back({run.name, run.command, std::to_string(pairs.count) + " pairs"});
    section.paragraph(sum_up(pairs, summary, summary_place));
    section.table(length_table(summary, summary_place));
    section.figure({"lengths-" + file_stem(run.name), length_chart(summary, summary_place)});
    if (pairs.count == 0) continue;
    section.table(pair_table(pairs.first, 0, kShownPairs, where));
    if (pairs.first.size() > kShownPairs) {
      HtmlFragment more;
      more.table(pair_table(pairs.first, kShownPairs, kShownPairs + kFoldedPairs, where));
      section.details("More pairs", more);
    }
  }
  return section;
}

}  // namespace retmask
