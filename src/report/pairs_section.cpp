#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/report/text.h"
#include "run_sections.h"

namespace retmask {
namespace {

constexpr size_t kShownPairs = 5;
constexpr size_t kFoldedPairs = 20;
constexpr size_t kLongestText = 600;  // bytes of a text in the table

// At most kLongestText bytes, cut between characters.
std::string clipped(const std::string& text) {
  if (text.size() <= kLongestText) return text;
  size_t end = kLongestText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + " …";
}

// The last message of a list, which is the question or the answer.
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

struct AnswerStats {
  std::vector<int64_t> tokens;
  int64_t finished = 0;
  double logprob_sum = 0;
  int64_t logprobs = 0;  // answers of servers have none
};

AnswerStats answer_stats(const std::vector<Json>& pairs,
                         const std::string& side,
                         const std::string& where) {
  AnswerStats stats;
  for (const Json& pair : pairs) {
    const Json answer = json_get<Json>(json_get<Json>(pair, "meta", where), side, where);
    stats.tokens.push_back(json_get<int64_t>(answer, "tokens", where));
    stats.finished += json_get<std::string>(answer, "finish_reason", where) == "stop" ? 1 : 0;
    if (const auto found = answer.find("mean_logprob"); found != answer.end() && found->is_null()) {
      continue;
    }
    stats.logprob_sum += json_get<double>(answer, "mean_logprob", where);
    ++stats.logprobs;
  }
  std::sort(stats.tokens.begin(), stats.tokens.end());
  return stats;
}

std::vector<std::string> stats_row(const std::string& name, const AnswerStats& stats) {
  const auto count = static_cast<double>(stats.tokens.size());
  int64_t total = 0;
  for (const int64_t tokens : stats.tokens) total += tokens;
  return {name,
          std::to_string(stats.tokens.size()),
          std::to_string(total),
          format_number(static_cast<double>(total) / count),
          std::to_string(stats.tokens[stats.tokens.size() / 2]),
          std::to_string(stats.tokens.back()),
          format_number(100 * static_cast<double>(stats.finished) / count, 3) + " %",
          stats.logprobs == 0
              ? "unknown"
              : format_number(stats.logprob_sum / static_cast<double>(stats.logprobs), 3)};
}

// --strategy sft: answers to imitate, without a loser.
void imitation_section(const RunFolder& run, HtmlFragment& section, Table& glance) {
  const std::string where = run.where("sft.jsonl");
  const std::vector<Json> rows = run.read_lines("sft.jsonl");
  const std::string count = std::to_string(rows.size()) + " conversations";
  glance.rows.push_back({run.name, run.command, count});
  section.paragraph(count + " to imitate (sft.jsonl), without rejected answers.");
  Table table{.columns = {"instruction and answer"}, .rows = {}};
  for (size_t i = 0; i < std::min(kShownPairs, rows.size()); ++i) {
    const auto messages = json_get<std::vector<Json>>(rows[i], "messages", where);
    for (const Json& message : messages) {
      table.rows.push_back({clipped(json_get<std::string>(message, "content", where))});
    }
  }
  if (!rows.empty()) section.table(table);
}

}  // namespace

HtmlFragment pairs_section(const RunFolders& runs, Table& glance) {
  HtmlFragment section;
  section.heading("Preference pairs");
  section.paragraph(
      "Two answers to each instruction: the chosen one by the model with all its heads, the "
      "rejected one without the masked heads or by another checkpoint.");
  for (const RunFolder& run : runs) {
    if (std::filesystem::exists(run.dir / "sft.jsonl")) {
      if (runs.size() > 1) section.subheading(run.name);
      imitation_section(run, section, glance);
      continue;
    }
    const std::string where = run.where("pairs.jsonl");
    const std::vector<Json> pairs = run.read_lines("pairs.jsonl");
    if (runs.size() > 1) section.subheading(run.name);
    glance.rows.push_back({run.name, run.command, std::to_string(pairs.size()) + " pairs"});
    if (pairs.empty()) {
      section.paragraph("No pair was kept; summary.json in the run's folder counts why.");
      continue;
    }
    Table lengths{.columns = {"answers",
                              "count",
                              "tokens",
                              "mean",
                              "median",
                              "longest",
                              "finished",
                              "mean log-prob"},
                  .rows = {}};
    for (const char* side : {"chosen", "rejected"}) {
      lengths.rows.push_back(stats_row(side, answer_stats(pairs, side, where)));
    }
    section.table(lengths);
    section.table(pair_table(pairs, 0, kShownPairs, where));
    if (pairs.size() > kShownPairs) {
      HtmlFragment more;
      more.table(pair_table(pairs, kShownPairs, kShownPairs + kFoldedPairs, where));
      section.details("More pairs", more);
    }
  }
  return section;
}

}  // namespace retmask
