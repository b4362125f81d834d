#include "fixture_functions.h"
#include "retmask/metrics/helmet_average.h"
#include "retmask/metrics/judge_replies.h"

namespace retmask::testing {
namespace {

using namespace metrics;

Json longqa_score_json(const Json& args) {
  Json per_item = Json::array();
  double sum = 0.0;
  double count = 0.0;
  for (const Json& reply : args.at(1)) {
    std::optional<AnswerVerdict> verdict;
    if (reply.is_string()) verdict = answer_verdict(reply.get<std::string>());
    per_item.push_back(
        verdict ? Json({{"fluency", verdict->fluency}, {"correctness", verdict->correctness}})
                : Json());
    if (!verdict) continue;
    sum += verdict->fluency * verdict->correctness;
    ++count;
  }
  if (count == 0.0) throw Raises("no score");
  return {{"gpt-4-score", sum / count},
          {"collected", helmet_percent("gpt-4-score", sum / count)},
          {"per_item", per_item}};
}

Json summ_score_json(const Json& args) {
  const Json& input = args.at(0);
  const auto reply = [&](size_t i) -> std::optional<std::string> {
    const Json& value = input.at("judge").at(i);
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
  };
  Json f1 = Json::array();
  SummaryVerdict sum;
  double count = 0.0;
  for (size_t row = 0; row < input.at("rows").size(); ++row) {
    const auto verdict = summary_verdict(reply(3 * row),
                                         reply(3 * row + 1),
                                         reply(3 * row + 2),
                                         input.at("keypoints").at(row).size());
    f1.push_back(verdict ? Json(verdict->f1) : Json());
    if (!verdict) continue;
    sum.recall += verdict->recall;
    sum.precision += verdict->precision;
    sum.fluency += verdict->fluency;
    sum.f1 += verdict->f1;
    ++count;
  }
  if (count == 0.0) throw Raises("no score");
  return {{"averaged",
           {{"gpt-4-recall", sum.recall / count},
            {"gpt-4-precision", sum.precision / count},
            {"gpt-4-fluency", sum.fluency / count},
            {"gpt-4-f1", sum.f1 / count}}},
          {"collected_gpt-4-f1", helmet_percent("gpt-4-f1", sum.f1 / count)},
          {"f1", f1}};
}

}  // namespace

void add_judge_functions(FixtureFunctions& functions) {
  functions["longqa_judge_parse_output"] = [](const Json& a) {
    return judged_answer(text_at(a, 0));
  };
  functions["longqa_parse_json"] = [](const Json& a) {
    return value_or_null(last_json_object(text_at(a, 0)));
  };
  functions["summ_parse_json"] = [](const Json& a) {
    return value_or_null(last_json_object_or_block(text_at(a, 0)));
  };
  functions["longqa_judge_score"] = longqa_score_json;
  functions["summ_judge_score"] = summ_score_json;
  functions["python_repr_list"] = [](const Json& a) {
    return python_list(a.at(0).get<std::vector<std::string>>());
  };
  functions["mtbench_rating"] = [](const Json& a) {
    return mt_bench_rating(text_at(a, 0)).value_or(-1.0);
  };
}

}  // namespace retmask::testing
