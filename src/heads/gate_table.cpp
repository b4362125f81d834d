#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "forms.h"
#include "retmask/base/error.h"
#include "retmask/base/format_text.h"

namespace retmask {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = line.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const size_t end = std::min(line.find_first_of(kSpace), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::optional<double> number_of(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

struct TableLine {
  size_t number;  // in the file, from 1
  std::vector<std::string_view> words;
};

// Without comments and empty lines, as numpy.loadtxt reads it.
std::vector<TableLine> table_lines(std::string_view text, size_t most) {
  std::vector<TableLine> lines;
  for (size_t number = 1; !text.empty() && lines.size() < most; ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, std::min(end, text.find('#')));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (std::vector<std::string_view> words = words_of(line); !words.empty())
      lines.push_back({number, std::move(words)});
  }
  return lines;
}

}  // namespace

bool is_gate_table(std::string_view text) {
  const std::vector<TableLine> first = table_lines(text, /*most=*/1);
  return !first.empty() && number_of(first.front().words.front()).has_value();
}

HeadList parse_gate_table(std::string_view text, const std::string& where) {
  const std::vector<TableLine> lines = table_lines(text, text.size());
  HeadMeans gates;
  for (size_t layer = 0; layer < lines.size(); ++layer) {
    const auto& [number, words] = lines[layer];
    const std::string at = where + ":" + std::to_string(number);
    if (words.size() != lines.front().words.size()) {
      user_error(at,
                 " has ",
                 words.size(),
                 " values, the first line has ",
                 lines.front().words.size(),
                 "; expected a line per layer with a gate value per key/value head "
                 "(DuoAttention's table)");
    }
    for (size_t head = 0; head < words.size(); ++head) {
      const std::optional<double> gate = number_of(words[head]);
      if (!gate || !std::isfinite(*gate)) {
        user_error(at,
                   ": value ",
                   head + 1,
                   " is ",
                   words[head].substr(0, 40),
                   ", expected the gate value of a key/value head (DuoAttention's table)");
      }
      gates[{static_cast<int64_t>(layer), static_cast<int64_t>(head)}] = *gate;
    }
  }
  HeadList list = list_with_scores(HeadForm::duo_attention, std::move(gates));
  list.of_kv_heads = true;
  return list;
}

std::string duo_attention_table(const HeadList& kv_heads, const HeadGrid& grid) {
  HeadMeans gates;
  for (const Head& head : kv_heads.ranked)
    gates[head] = kv_heads.scores ? kv_heads.scores->at(head) : 1.0;
  const double largest = gates.at(kv_heads.ranked.front());
  if (!(largest > 0))
    user_error("no head has a score above 0, so there is no gate value to export");
  std::string table;
  for (int64_t layer = 0; layer < grid.layers; ++layer) {
    for (int64_t head = 0; head < grid.heads; ++head) {
      const auto found = gates.find({layer, head});
      const double gate = found == gates.end() ? 0.0 : std::max(0.0, found->second / largest);
      table += (head == 0 ? "" : "\t") + format_text("%.18e", gate);  // as numpy.savetxt
    }
    table += "\n";
  }
  return table;
}

}  // namespace retmask
