#include "retmask/eval/qa_suite.h"

#include <algorithm>

#include "builtin_data.h"
#include "documents.h"
#include "retmask/base/stop_signals.h"
#include "suite_options.h"

namespace retmask::eval {

void QaOptions::validate() const {
  check_sizes("--lengths", lengths);
  check_depths(depths);
  check_max_samples(max_samples);
}

std::vector<Sample> build_qa_samples(const QaOptions& options,
                                     const std::vector<PassageQuestion>& questions,
                                     const PromptEncoder& encoder,
                                     int64_t max_positions) {
  options.validate();
  const Json& data = builtin_data("qa");
  const auto text = [&](const char* key) { return data.at(key).get<std::string>(); };
  const auto max_new_tokens = data.at("max_new_tokens").get<int64_t>();
  const int64_t new_tokens = max_new_tokens + encoder.thinking_tokens();
  const DocumentFiller documents(
      questions, {.document = text("document"), .separator = text("separator")}, encoder);
  const int64_t count = std::min(options.max_samples, static_cast<int64_t>(questions.size()));
  std::vector<Sample> samples;
  for (const int64_t length : options.lengths) {
    for (int64_t i = 0; i < count; ++i) {
      stop_point();
      const auto question = static_cast<size_t>(i);
      const double depth = depth_of(i, std::min(options.depths, count));
      const std::string id = "qa-" + std::to_string(length) + "-" + std::to_string(i);
      const auto prompt = [&](const std::string& context) {
        return user_prompt(fill_template(
            text("template"), {{"context", context}, {"question", questions[question].question}}));
      };
      samples.push_back({.id = id,
                         .task = "qa",
                         .length = length,
                         .references = questions[question].answers,
                         .metric = text("metric"),
                         .max_new_tokens = max_new_tokens,
                         .meta = {{"depth", depth}}});
      encoder.encode(documents.fill({.question = question,
                                     .limit = prompt_limit(length, new_tokens, max_positions),
                                     .depth = depth,
                                     .random = {options.seed, "qa/" + id},
                                     .prompt = prompt}),
                     samples.back());
    }
  }
  warn_of_short_prompts(samples);
  return samples;
}

}  // namespace retmask::eval
