#include "retmask/metrics/judge_replies.h"

#include <cstdlib>

#include "pattern.h"
#include "python_text.h"
#include "retmask/jinja/unicode.h"
#include "retmask/metrics/answers.h"

namespace retmask::metrics {
namespace {

// Non-overlapping {...}, each up to the first closing brace: the last one.
std::optional<std::string_view> last_braces(std::string_view text) {
  std::optional<std::string_view> last;
  size_t at = 0;
  while ((at = text.find('{', at)) != std::string_view::npos) {
    const size_t close = text.find('}', at);
    if (close == std::string_view::npos) break;
    last = text.substr(at, close + 1 - at);
    at = close + 1;
  }
  return last;
}

std::optional<std::string_view> json_block(std::string_view text) {
  constexpr std::string_view kOpen = "```json";
  constexpr std::string_view kClose = "```";
  const size_t open = text.find(kOpen);
  if (open == std::string_view::npos) return {};
  const size_t begin = open + kOpen.size();
  const size_t close = text.rfind(kClose);
  if (close <= begin) return {};
  return text.substr(begin, close - begin);
}

std::optional<double> number_at(const std::optional<Json>& object, const char* key) {
  if (!object || !object->is_object()) return {};
  const auto found = object->find(key);
  if (found == object->end()) return {};
  if (found->is_boolean()) return found->get<bool>() ? 1.0 : 0.0;
  if (!found->is_number()) return {};
  return found->get<double>();
}

double share(double part, double whole) { return whole > 0.0 ? part / whole : 0.0; }

}  // namespace

std::string judged_answer(std::string_view output) {
  return parse_answer(replace_all(output, "\n", " "));
}

std::string python_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ", ";
    out += jinja::repr_text(item);
  }
  return out + "]";
}

std::optional<Json> last_json_object(std::string_view reply) {
  const auto braces = last_braces(reply);
  return braces ? try_parse_json(*braces) : std::nullopt;
}

std::optional<Json> last_json_object_or_block(std::string_view reply) {
  if (!last_braces(reply)) return {};
  if (auto object = last_json_object(reply)) return object;
  const auto block = json_block(reply);
  return block ? try_parse_json(*block) : std::nullopt;
}

std::optional<AnswerVerdict> answer_verdict(std::string_view reply) {
  const auto object = last_json_object(reply);
  const auto fluency = number_at(object, "fluency");
  const auto correctness = number_at(object, "correctness");
  if (!fluency || !correctness) return {};
  return AnswerVerdict{*fluency, *correctness};
}

std::optional<SummaryVerdict> summary_verdict(const std::optional<std::string>& fluency_reply,
                                              const std::optional<std::string>& recall_reply,
                                              const std::optional<std::string>& precision_reply,
                                              size_t key_points) {
  if (!fluency_reply || !recall_reply || !precision_reply) return {};
  const auto fluency = number_at(last_json_object_or_block(*fluency_reply), "fluency");
  const auto found = number_at(last_json_object_or_block(*recall_reply), "recall");
  const auto precision_object = last_json_object_or_block(*precision_reply);
  const auto supported = number_at(precision_object, "precision");
  const auto sentences = number_at(precision_object, "sentence_count");
  if (!fluency || !found || !supported || !sentences) return {};
  SummaryVerdict verdict;
  verdict.fluency = *fluency;
  verdict.recall = share(*found, static_cast<double>(key_points));
  verdict.precision = share(*supported, *sentences);
  verdict.f1 = share(verdict.fluency * 2 * verdict.recall * verdict.precision,
                     verdict.recall + verdict.precision);
  return verdict;
}

std::optional<double> mt_bench_rating(std::string_view reply) {
  // The original's \d also takes digits of other scripts, but then fails to read the number.
  static const Pattern kDouble(R"(\[\[([0-9]+\.?[0-9]*)\]\])");
  static const Pattern kSingle(R"(\[([0-9]+\.?[0-9]*)\])");
  for (const Pattern* pattern : {&kDouble, &kSingle}) {
    if (const auto match = pattern->find(reply)) {
      return std::strtod(std::string(match->text(1)).c_str(), nullptr);
    }
  }
  return {};
}

}  // namespace retmask::metrics
