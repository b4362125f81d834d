#include "retmask/metrics/answers.h"

#include <algorithm>

#include "python_text.h"
#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"
#include "retmask/metrics/rouge.h"

namespace retmask::metrics {
namespace {

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

bool is_article(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

// Python's re.sub(r"\b(a|an|the)\b", " ", text)
std::string without_articles(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    size_t end = at;
    while (at < text.size() && jinja::is_word(jinja::decode_at(text, at))) end = at;
    const std::string_view word = text.substr(begin, end - begin);
    out += is_article(word) ? " " : word;
    out += text.substr(end, at - end);  // the character that ended the word
  }
  return out;
}

bool is_closed_answer(std::string_view normalized) {
  return normalized == "yes" || normalized == "no" || normalized == "noanswer";
}

void check_golds(const std::vector<std::string>& golds) {
  if (golds.empty()) user_error("there is no right answer to compare with");
}

}  // namespace

std::string normalize_answer(std::string_view text) {
  std::string lower = jinja::lower_case(text);
  std::erase_if(lower, is_ascii_punctuation);
  const std::string without = without_articles(lower);
  std::string out;
  for (const std::string_view word : split_white_space(without)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

bool exact_match(std::string_view prediction, std::string_view gold) {
  return normalize_answer(prediction) == normalize_answer(gold);
}

bool substring_exact_match(std::string_view prediction, std::string_view gold) {
  return normalize_answer(prediction).find(normalize_answer(gold)) != std::string::npos;
}

F1Score f1_score(std::string_view prediction, std::string_view gold) {
  const std::string predicted = normalize_answer(prediction);
  const std::string right = normalize_answer(gold);
  if (predicted != right && (is_closed_answer(predicted) || is_closed_answer(right))) return {};
  const auto predicted_words = split_white_space(predicted);
  const auto right_words = split_white_space(right);
  std::map<std::string_view, int64_t> left;
  for (const std::string_view word : right_words) ++left[word];
  int64_t common = 0;
  for (const std::string_view word : predicted_words) common += left[word]-- > 0;
  if (common == 0) return {};
  F1Score score;
  score.precision = static_cast<double>(common) / static_cast<double>(predicted_words.size());
  score.recall = static_cast<double>(common) / static_cast<double>(right_words.size());
  score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

AnswerMetrics answer_metrics(std::string_view prediction, const std::vector<std::string>& golds) {
  check_golds(golds);
  AnswerMetrics best;
  const auto raise = [&](std::string_view name, double value) {
    const auto [place, added] = best.emplace(name, value);
    if (!added) place->second = std::max(place->second, value);
  };
  for (const std::string& gold : golds) {
    raise("exact_match", exact_match(prediction, gold));
    raise("f1", f1_score(prediction, gold).f1);
    raise("substring_exact_match", substring_exact_match(prediction, gold));
    const RougeScore longest = rouge_l(gold, prediction, {.use_stemmer = true});
    raise("rougeL_f1", longest.fmeasure);
    raise("rougeL_recall", longest.recall);
    const RougeScore summary = rouge_lsum(gold, prediction, {.use_stemmer = true});
    raise("rougeLsum_f1", summary.fmeasure);
    raise("rougeLsum_recall", summary.recall);
  }
  return best;
}

double ruler_recall(std::string_view output, const std::vector<std::string>& golds) {
  check_golds(golds);
  const std::string lower = jinja::lower_case(output);
  const auto found = std::count_if(golds.begin(), golds.end(), [&](const std::string& gold) {
    return lower.find(jinja::lower_case(gold)) != std::string::npos;
  });
  return static_cast<double>(found) / static_cast<double>(golds.size());
}

std::string parse_answer(std::string_view output, std::string_view prefix) {
  if (const auto found = find_ignoring_case(output, prefix)) output.remove_prefix(found->end);
  std::string_view line = strip(output.substr(0, output.find('\n')));
  const auto again = find_ignoring_case(line, prefix);
  if (again && again->begin == 0) line.remove_prefix(again->end);
  return std::string(strip(line));
}

}  // namespace retmask::metrics
