#include <cmath>
#include <set>
#include <tuple>
#include <vector>

#include "forms.h"
#include "retmask/base/error.h"
#include "retmask/base/known_files.h"
#include "retmask/base/log.h"

namespace retmask {
namespace {

// A JSON parser keeps only the last of several equal keys.
void check_keys_once(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> open;  // keys of the objects around
  const auto visit = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      user_error(where, ": ", parsed.dump(), " is listed twice");
    return true;
  };
  std::ignore = Json::parse(text, visit);
}

// Wu et al.'s and RetMask's readers take the first line of a file of scores.
std::string_view without_later_lines(std::string_view text, const std::string& where) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos || try_parse_json(text)) return text;
  const Json first = try_parse_json(text.substr(0, end)).value_or(Json());
  if (recognize(first) != KnownFile::head_scores) return text;
  log::warn(where + ": the scores are those of the first line; the lines after it are ignored");
  return text.substr(0, end);
}

double finite_number(const Json& value, const std::string& where) {
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    user_error(where, " has the score ", value.dump().substr(0, 80), ", expected a number");
  return value.get<double>();
}

HeadList from_samples(HeadForm form, const HeadScores& scores, const std::string& where) {
  if (scores.num_samples() == 0) {
    user_error(where,
               " has no scores: no answer was right in that detection run; try shorter contexts or "
               "more samples");
  }
  HeadList list = list_with_scores(form, scores.means());
  list.num_samples = scores.num_samples();
  return list;
}

HeadList from_summary(const Json& summary, const std::string& where) {
  if (json_get<int64_t>(summary, "right", where) == 0) {
    user_error(where, " has no scores: no answer was right in that detection run");
  }
  HeadMeans scores;
  for (const Json& row : json_get<Json>(summary, "heads", where)) {
    const Json pair = row.is_object() ? row.value("head", Json()) : row;
    const Head head = parse_head_pair(pair, where + ": \"heads\"");
    const std::string at = where + ": head " + to_string(head);
    const auto [entry, is_new] = scores.try_emplace(head);
    if (!is_new) user_error(at, " is listed twice");
    entry->second = finite_number(row.is_object() ? row.value("mean", Json()) : Json(), at);
  }
  if (scores.empty()) user_error(where, " lists no heads");
  HeadList list = list_with_scores(HeadForm::summary, std::move(scores));
  list.num_samples = json_get<int64_t>(summary, "right", where);
  list.grid = {json_get<int64_t>(summary, "num_layers", where),
               json_get<int64_t>(summary, "num_heads", where)};
  return list;
}

HeadList from_mask(const Json& mask, const std::string& where) {
  warn_of_unknown_mask_keys(mask, where);
  if (mask.value("mode", Json("zero")) != "zero") {
    log::warn(where + ": of this mask only the heads are taken, not its mode and means");
  }
  std::vector<Head> heads;
  for (const Json& pair : mask.at("heads"))
    heads.push_back(parse_head_pair(pair, where + ": \"heads\""));
  HeadList list = list_in_order(HeadForm::mask, heads, where);
  if (const auto scores = mask.find("mean_scores"); scores != mask.end()) {
    if (!scores->is_array() || scores->size() != heads.size())
      user_error(where, ": \"mean_scores\" has the wrong shape, expected one score per head");
    HeadMeans means;
    for (size_t i = 0; i < heads.size(); ++i)
      means[heads[i]] = finite_number(scores->at(i), where + ": \"mean_scores\"");
    list.ranked = list_with_scores(HeadForm::mask, means).ranked;
  }
  if (const auto model = mask.find("model"); model != mask.end()) {
    list.grid = {json_get<int64_t>(*model, "num_hidden_layers", where),
                 json_get<int64_t>(*model, "num_attention_heads", where)};
  }
  return list;
}

HeadList from_locos(const Json& envelope, const std::string& where) {
  for (const auto& [key, value] : envelope.items()) {
    if (key == "scores" || key == "meta" || key == "trial_ids" || key == "confidence_intervals")
      continue;
    user_error(where,
               ": \"",
               key,
               "\" beside \"scores\" is unknown, expected \"meta\", \"trial_ids\" or "
               "\"confidence_intervals\"");
  }
  HeadList list = from_samples(
      HeadForm::locos,
      parse_head_scores(envelope.at("scores"), where + ": \"scores\"", SampleCounts::may_differ),
      where);
  // locos/analysis/kv_group_analysis.py writes means over groups in the same form.
  const Json meta = envelope.value("meta", Json::object());
  list.of_kv_heads = meta.is_object() && meta.contains("gqa_ratio");
  return list;
}

HeadList from_qrhead_scores(const Json& rows, const std::string& where) {
  HeadMeans scores;
  for (const Json& row : rows) {
    const bool is_pair = row.is_array() && row.size() == 2 && row[0].is_string();
    const auto head = is_pair ? parse_head_name(row[0].get<std::string>()) : std::nullopt;
    if (!head) {
      user_error(where,
                 " has the row ",
                 row.dump().substr(0, 80),
                 ", expected [\"layer-head\", score] such as [\"18-6\", 0.5], or ",
                 kHeadListForms);
    }
    const std::string at = where + ": head " + to_string(*head);
    const auto [entry, is_new] = scores.try_emplace(*head);
    if (!is_new) user_error(at, " is listed twice");
    entry->second = finite_number(row[1], at);
  }
  if (scores.empty()) user_error(where, " lists no heads, expected ", kHeadListForms);
  return list_with_scores(HeadForm::qrhead_scores, std::move(scores));
}

bool names_a_head(const Json& object) {
  for (const auto& [key, value] : object.items()) {
    if (parse_head_name(key)) return true;
  }
  return false;
}

}  // namespace

HeadList parse_json_form(std::string_view text, const std::string& where) {
  text = without_later_lines(text, where);
  const Json json = parse_named_json(text, where, kHeadListForms);
  check_keys_once(text, where);
  if (json.is_array()) return from_qrhead_scores(json, where);
  const std::optional<KnownFile> known = recognize(json);
  if (known == KnownFile::summary) return from_summary(json, where);
  if (known == KnownFile::mask) return from_mask(json, where);
  if (known == KnownFile::head_scores || (!known && names_a_head(json)))
    return from_samples(HeadForm::head_scores, parse_head_scores(json, where), where);
  if (!known && json.contains("scores")) return from_locos(json, where);
  if (!known) {
    if (const auto list = parse_config_object(json, where)) return *list;
  }
  user_error(where, is_what(json), ", expected ", kHeadListForms);
}

}  // namespace retmask
