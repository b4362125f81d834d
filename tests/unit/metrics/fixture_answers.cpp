#include "fixture_functions.h"
#include "porter_stemmer.h"
#include "retmask/metrics/answers.h"
#include "retmask/metrics/helmet_answers.h"
#include "retmask/metrics/helmet_average.h"
#include "retmask/metrics/ranking.h"
#include "retmask/metrics/rouge.h"

namespace retmask::testing {
namespace {

using namespace metrics;

// A string, a list, or a list of lists.
std::vector<std::string> golds_at(const Json& args, size_t i) {
  std::vector<std::string> golds;
  const std::function<void(const Json&)> add = [&](const Json& value) {
    if (value.is_string()) {
      golds.push_back(value.get<std::string>());
    } else {
      for (const Json& item : value) add(item);
    }
  };
  add(args.at(i));
  return golds;
}

Json scored_json(const ScoredAnswer& scored) {
  return {{"metrics", scored.metrics}, {"parsed_output", scored.parsed}};
}

Json rouge_json(const Json& args, bool stem) {
  const std::string target = text_at(args, 0);
  const std::string prediction = text_at(args, 1);
  Json out = Json::object();
  const auto add = [&](const char* name, const RougeScore& score) {
    out[name] = {score.precision, score.recall, score.fmeasure};
  };
  add("rouge1", rouge1(target, prediction, {.use_stemmer = stem}));
  add("rougeL", rouge_l(target, prediction, {.use_stemmer = stem}));
  add("rougeLsum", rouge_lsum(target, prediction, {.use_stemmer = stem}));
  return out;
}

Json ranking_metrics_json(const Json& args) {
  Relevance relevance;
  for (const Json& row : args.at(1)) {
    const Json& label = row.at(1);
    relevance[row.at(0).get<std::string>()] =
        label.is_string() ? std::stoll(label.get<std::string>()) : label.get<int64_t>();
  }
  return retrieval_metrics(
      parse_ranking(text_at(args, 0)), relevance, args.at(2).get<std::vector<int64_t>>());
}

Json averages_json(const Json& args) {
  std::map<std::string, double, std::less<>> cells;
  for (const auto& [column, value] : args.at(0).items()) {
    if (!value.is_null()) cells[column] = value.get<double>();
  }
  Json out = Json::object();
  for (const CategoryAverage& average : helmet_averages(cells)) {
    out[average.name] = value_or_null(average.value);
  }
  return out;
}

}  // namespace

void add_answer_functions(FixtureFunctions& functions) {
  functions["normalize_answer"] = [](const Json& a) { return normalize_answer(text_at(a, 0)); };
  functions["drqa_exact_match_score"] = [](const Json& a) {
    return exact_match(text_at(a, 0), text_at(a, 1));
  };
  functions["substring_exact_match_score"] = [](const Json& a) {
    return substring_exact_match(text_at(a, 0), text_at(a, 1));
  };
  functions["f1_score"] = [](const Json& a) {
    const F1Score score = f1_score(text_at(a, 0), text_at(a, 1));
    return Json({score.f1, score.precision, score.recall});
  };
  functions["calculate_metrics"] = [](const Json& a) {
    return answer_metrics(text_at(a, 0), golds_at(a, 1));
  };
  functions["default_post_process"] = [](const Json& a) {
    return scored_json(score_answer(text_at(a, 0), golds_at(a, 1)));
  };
  functions["json_kv_post_process"] = [](const Json& a) {
    return scored_json(score_answer(text_at(a, 0), golds_at(a, 1), "corresponding value:"));
  };
  functions["icl_post_process"] = [](const Json& a) {
    return scored_json(score_label(text_at(a, 0), text_at(a, 1)));
  };
  functions["infbench_choice_post_process"] = [](const Json& a) {
    return scored_json(score_choice(text_at(a, 0), golds_at(a, 1)));
  };
  functions["ruler_recall"] = [](const Json& a) {
    return ruler_recall(text_at(a, 0), golds_at(a, 1));
  };
  functions["parse_output"] = [](const Json& a) {
    const std::string prefix = a.size() > 1 ? text_at(a, 1) : "Answer:";
    std::string lower = prefix;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return parse_answer(text_at(a, 0), lower);
  };
  functions["strip_thinking"] = [](const Json& a) { return after_thinking(text_at(a, 0)); };
  functions["parse_rankings"] = [](const Json& a) { return parse_ranking(text_at(a, 0)); };
  functions["msmarco_metrics"] = ranking_metrics_json;
  functions["rouge_score_stem"] = [](const Json& a) { return rouge_json(a, /*stem=*/true); };
  functions["rouge_score_nostem"] = [](const Json& a) { return rouge_json(a, /*stem=*/false); };
  functions["rouge_tokenize_stem"] = [](const Json& a) {
    return rouge_tokenize(text_at(a, 0), {.use_stemmer = true});
  };
  functions["porter_stem_nltk"] = [](const Json& a) {
    Json stems = Json::array();
    for (const Json& word : a.at(0)) stems.push_back(porter_stem(word.get<std::string>()));
    return stems;
  };
  functions["collect_metric_name"] = [](const Json& a) {
    const auto found = helmet_metrics(text_at(a, 0));
    return found ? Json({found->dataset, found->metrics}) : Json();
  };
  functions["collect_average"] = averages_json;
}

}  // namespace retmask::testing
