#include "retmask/eval/niah_suite.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/utf8.h"
#include "retmask/eval/answer_by_server.h"
#include "retmask/niah/sample_rows.h"
#include "thinking_rule.h"

namespace retmask::eval {
namespace {

AnswerLimits limits_of(const niah::Sample& sample, const NiahOptions& options) {
  return {.opens_thinking = sample.opens_thinking, .max_new_tokens = options.grid.max_new_tokens};
}

GenerationRequest make_request(const Subject& subject,
                               const niah::Sample& sample,
                               const NiahOptions& options,
                               const ThinkingRule& thinking) {
  GenerationRequest request;
  request.prompt = sample.prompt;
  request.continuations = {{.masked_heads = subject.masked_heads, .random = {}}};
  request.stop_ids = subject.eos_token_ids;
  thinking.apply(limits_of(sample, options), request);
  return request;
}

Json to_row(const niah::Sample& sample, const NiahAnswer& answer) {
  Json row = niah::to_json(sample);
  row["recall"] = answer.verdict.recall;
  row["success"] = answer.verdict.right;
  row["answer"] = answer.answer;
  return row;
}

NiahAnswer from_row(const Json& row, const std::string& where) {
  return {.verdict = {.recall = json_get<double>(row, "recall", where),
                      .right = json_get<bool>(row, "success", where)},
          .answer = json_get<std::string>(row, "answer", where)};
}

double rate(int64_t success, int64_t total) {
  return total == 0 ? 0.0 : static_cast<double>(success) / static_cast<double>(total);
}

// Counts successes by the value of `key`, in order of first occurrence.
Json count_by(const std::string& key, const Json& cells) {
  Json groups = Json::array();
  for (const Json& cell : cells) {
    auto group = std::find_if(
        groups.begin(), groups.end(), [&](const Json& other) { return other[key] == cell[key]; });
    if (group == groups.end()) {
      groups.push_back({{key, cell[key]}, {"success", 0}, {"total", 0}});
      group = std::prev(groups.end());
    }
    (*group)["success"] =
        (*group)["success"].get<int64_t>() + (cell["success"].get<bool>() ? 1 : 0);
    (*group)["total"] = (*group)["total"].get<int64_t>() + 1;
  }
  for (Json& group : groups) {
    group["rate"] = rate(group["success"].get<int64_t>(), group["total"].get<int64_t>());
  }
  return groups;
}

}  // namespace

niah::AnsweredSamples run_niah(const Subject& subject,
                               const std::vector<niah::Sample>& samples,
                               const NiahOptions& options,
                               SampleJournal& journal) {
  options.validate();
  const ThinkingRule thinking(subject.tokenizer, options.thinking);
  const int64_t most_new_tokens = thinking.most_new_tokens(options.grid.max_new_tokens);
  return niah::answer_samples(
      subject.model,
      samples,
      {.name = "eval niah",
       .generation = niah::generator_options(samples, options.batch_size, most_new_tokens),
       .request =
           [&](size_t sample) { return make_request(subject, samples[sample], options, thinking); },
       .row =
           [&](size_t i, const GenerationResult& generated) {
             const niah::Sample& sample = samples[i];
             const ThoughtAnswer thought =
                 thinking.read(limits_of(sample, options), generated.tokens);
             NiahAnswer answer{.answer = thought.answer};
             answer.verdict = niah::judge(sample, answer.answer);
             Json row = to_row(sample, answer);
             thinking.add_to_row(thought, row);
             return row;
           }},
      journal);
}

AnsweredSamples run_niah_by_server(const endpoint::Options& server,
                                   const std::vector<niah::Sample>& samples,
                                   const NiahOptions& options,
                                   SampleJournal& journal) {
  options.validate();
  return ask_server(
      server,
      {.title = "eval niah",
       .request =
           [&](size_t i) {
             return endpoint::ChatRequest{.messages = user_prompt(samples[i].message).messages,
                                          .temperature = 0.0,
                                          .max_tokens = options.grid.max_new_tokens};
           },
       .row =
           [&](size_t i, const endpoint::ChatReply& reply) {
             const niah::Sample& sample = samples[i];
             if (reply.ending == endpoint::ChatEnding::prompt_too_long) {
               user_error("a prompt of length ",
                          sample.length,
                          " is too long for the server's model; use smaller --lengths");
             }
             NiahAnswer answer;
             answer.answer = lossy_utf8(split_thinking(reply.text).answer);
             answer.verdict = niah::judge(sample, answer.answer);
             Json row = to_row(sample, answer);
             row["server"] = tokens_of_server(reply);
             return row;
           }},
      journal);
}

std::vector<NiahAnswer> niah_answers(const std::vector<Json>& rows, const std::string& where) {
  std::vector<NiahAnswer> answers;
  for (const Json& row : rows) answers.push_back(from_row(row, where));
  return answers;
}

Json niah_results_json(const std::vector<NiahAnswer>& answers,
                       const std::vector<niah::Sample>& samples) {
  const auto total = static_cast<int64_t>(samples.size());
  const int64_t right =
      std::ranges::count_if(answers, [](const NiahAnswer& answer) { return answer.verdict.right; });
  Json cells = Json::array();
  for (size_t i = 0; i < samples.size(); ++i) {
    Json cell = to_row(samples[i], answers[i]);
    cell.erase("span");
    cell.erase("tokens");
    cells.push_back(std::move(cell));
  }
  Json by_length = count_by("length", cells);
  Json by_depth = count_by("depth_fraction", cells);
  return {{"suite", "niah"},
          {"success", right},
          {"total", total},
          {"rate", rate(right, total)},
          {"cells", std::move(cells)},
          {"by_length", std::move(by_length)},
          {"by_depth", std::move(by_depth)}};
}

}  // namespace retmask::eval
