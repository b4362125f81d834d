#include "retmask/eval/ruler_suite.h"

#include <algorithm>
#include <array>
#include <set>

#include "builtin_data.h"
#include "documents.h"
#include "fill.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "ruler_task.h"
#include "suite_options.h"

namespace retmask::eval {
namespace {

const Json& ruler_tasks() { return builtin_data("ruler").at("tasks"); }

std::string family_of(const std::string& task) {
  return ruler_tasks().at(task).at("family").get<std::string>();
}

bool needs_data(const std::string& task) { return family_of(task) == "qa"; }

struct RulerFamily {
  const char* name;
  RulerDraft (*draft)(const RulerRequest& request);
};
constexpr std::array<RulerFamily, 4> kFamilies = {
    {{"niah", draft_niah}, {"vt", draft_vt}, {"cwe", draft_cwe}, {"fwe", draft_fwe}}};

// The draft's longest prompt within the limit, and its references.
struct FilledPrompt {
  Prompt prompt;
  std::vector<std::string> references;
};

FilledPrompt fill_draft(const std::string& task, const RulerRequest& request) {
  const auto family = std::find_if(kFamilies.begin(), kFamilies.end(), [&](const RulerFamily& row) {
    return request.task.at("family") == row.name;
  });
  RETMASK_CHECK(family != kFamilies.end(), task);
  const RulerDraft draft = family->draft(request);
  const auto count = [&](int64_t size) {
    return static_cast<int64_t>(request.encoder.encode(draft.prompt(size)).size());
  };
  const int64_t size = largest_fitting(draft.smallest, draft.largest, request.limit, count);
  if (size < 0) {
    user_error("the task ",
               task,
               " needs prompts of at least ",
               count(draft.smallest),
               " tokens with this tokenizer, but there is room for ",
               request.limit,
               "; use larger --lengths");
  }
  return {draft.prompt(size), draft.references};
}

FilledPrompt fill_passages(const RulerRequest& request,
                           const RulerData& data,
                           const DocumentFiller& documents,
                           int64_t index) {
  const auto question = static_cast<size_t>(index);
  const auto prompt = [&](const std::string& text) {
    return user_prompt(
        fill_template(request.text("template"),
                      {{"context", text}, {"query", data.questions[question].question}}),
        request.text("answer_start"));
  };
  return {documents.fill({.question = question,
                          .limit = request.limit,
                          .depth = -1.0,
                          .random = request.random("documents"),
                          .prompt = prompt}),
          data.questions[question].answers};
}

// The style of a task's documents: its own text in the frame of the family.
DocumentStyle style_of(const Json& task, const Json& family) {
  const auto frame = family.at("document").get<std::string>();
  return {
      .document = fill_template(frame, {{"number", "{number}"}, {"document", task.at("document")}}),
      .separator = "\n\n"};
}

}  // namespace

void RulerOptions::validate(bool has_data) const {
  for (const std::string& task : tasks) {
    if (!ruler_tasks().contains(task)) {
      std::string known;
      for (const auto& [name, settings] : ruler_tasks().items()) {
        known += (known.empty() ? "" : ", ") + name;
      }
      user_error("--tasks holds \"", task, "\", expected some of: ", known);
    }
    if (needs_data(task) && !has_data) {
      user_error(
          "the task ",
          task,
          " asks about given passages: give --data, a file like nq-open-oracle.jsonl of "
          "github.com/nelson-liu/lost-in-the-middle with \"question\", \"answers\" and \"ctxs\"");
    }
  }
  check_no_repeats("--tasks", tasks);
  check_sizes("--lengths", lengths);
  check_max_samples(max_samples);
}

std::vector<std::string> RulerOptions::resolved_tasks(bool has_data) const {
  if (!tasks.empty()) return tasks;
  std::vector<std::string> all;
  for (const auto& [name, settings] : ruler_tasks().items()) {
    if (has_data || !needs_data(name)) all.push_back(name);
  }
  return all;
}

std::vector<Sample> build_ruler_samples(const RulerOptions& options,
                                        const RulerData& data,
                                        const PromptEncoder& encoder,
                                        int64_t max_positions) {
  const bool has_data = !data.questions.empty();
  options.validate(has_data);
  const Essay essay(data.essays);
  const auto num_questions = static_cast<int64_t>(data.questions.size());
  std::vector<Sample> samples;
  for (const std::string& name : options.resolved_tasks(has_data)) {
    const Json& task = ruler_tasks().at(name);
    const Json& family = builtin_data("ruler").at("families").at(family_of(name));
    std::optional<DocumentFiller> documents;
    if (needs_data(name)) documents.emplace(data.questions, style_of(task, family), encoder);
    const auto max_new_tokens = family.at("max_new_tokens").get<int64_t>();
    const int64_t new_tokens = max_new_tokens + encoder.thinking_tokens();
    const int64_t count =
        documents ? std::min(options.max_samples, num_questions) : options.max_samples;
    for (const int64_t length : options.lengths) {
      for (int64_t i = 0; i < count; ++i) {
        stop_point();
        const std::string id = name + "-" + std::to_string(length) + "-" + std::to_string(i);
        const RulerRequest request{.task = task,
                                   .family = family,
                                   .length = length,
                                   .limit = prompt_limit(length, new_tokens, max_positions),
                                   .stream = "ruler/" + id,
                                   .seed = options.seed,
                                   .essay = essay,
                                   .encoder = encoder};
        FilledPrompt filled =
            documents ? fill_passages(request, data, *documents, i) : fill_draft(name, request);
        samples.push_back({.id = id,
                           .task = name,
                           .length = length,
                           .references = std::move(filled.references),
                           .metric = family.at("metric").get<std::string>(),
                           .max_new_tokens = max_new_tokens});
        encoder.encode(filled.prompt, samples.back());
      }
    }
  }
  warn_of_short_prompts(samples);
  return samples;
}

}  // namespace retmask::eval
