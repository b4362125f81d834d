#include "retmask/synthesize/synthesize.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

#include "endpoint_source.h"
#include "judge.h"
#include "model_source.h"
#include "outputs.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/part.h"
#include "retmask/base/progress.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Reads, filters and selects prompts according to the options and logs the skipped ones.
PromptSet read_selected_prompts(const ResolvedOptions& options) {
  PromptSet set = read_prompts(options.prompts);
  const PromptFilters& filters = options.prompts.filters;
  if (filters.min_tokens > 0 || filters.max_tokens > 0) {
    leave_out_by_tokens(
        filters, PromptEncoder(options.model, options.template_variables, options.moment), set);
    if (set.prompts.empty()) user_error("no prompt is left in --prompts: ", set.describe());
  }
  select_prompts(options.selection, set);
  log::info(set.describe());
  return set;
}

// Opens configs, tokenizers, templates and the mask, so that errors show before the first answer.
// Weights are not loaded.
std::vector<std::unique_ptr<AnswerSource>> open_sources(const ResolvedOptions& options) {
  std::vector<std::unique_ptr<AnswerSource>> sources;
  for (const Source& source : options.sources) {
    if (source.is_remote()) {
      sources.push_back(std::make_unique<EndpointSource>(source, options));
    } else {
      sources.push_back(std::make_unique<ModelSource>(source, options));
    }
  }
  return sources;
}

// Tasks of a source that are not in the journal, in prompt order.
std::vector<AnswerTask> unfinished_tasks(const Source& source,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal) {
  std::vector<AnswerTask> tasks;
  for (const Prompt& prompt : prompts) {
    stop_point();
    for (int64_t sample = 0; sample < samples; ++sample) {
      for (const auto& [policy, mask] : source.masks) {
        const AnswerTask task{.prompt = &prompt, .policy = policy, .sample = sample};
        if (!journal.contains(task)) tasks.push_back(task);
      }
    }
  }
  return tasks;
}

// Frees the source when its answers are finished.
void answer_from(std::unique_ptr<AnswerSource> source,
                 const std::vector<AnswerTask>& tasks,
                 AnswerJournal& journal,
                 Progress& progress,
                 const StopPoll& stop_asked,
                 Result& result) {
  source->load(tasks);
  const double seconds_before = result.generation_seconds;
  const auto start = Clock::now();
  source->answer(tasks, [&](const AnswerTask& task, const Answer& answer) {
    journal.add(task, answer);
    ++result.generated_answers;
    result.generated_tokens += answer.tokens;
    result.generation_seconds = seconds_before + seconds_since(start);
    progress.advance(1, std::to_string(std::lround(result.tokens_per_second())) + " tokens/s");
    stop_if_asked(stop_asked, "finished answers are kept; run the same command to resume");
  });
  const std::optional<MemoryUse> memory = source->memory_use();
  if (memory && (!result.memory || result.memory->budget.total() < memory->budget.total())) {
    result.memory = memory;
  }
}

Result answer_all(const ResolvedOptions& options,
                  const std::vector<Prompt>& prompts,
                  AnswerJournal& journal,
                  const StopPoll& stop_asked) {
  std::vector<std::unique_ptr<AnswerSource>> sources = open_sources(options);
  std::vector<std::vector<AnswerTask>> tasks;
  int64_t unfinished = 0;
  for (const Source& source : options.sources) {
    tasks.push_back(unfinished_tasks(source, prompts, options.samples, journal));
    unfinished += static_cast<int64_t>(tasks.back().size());
  }

  const int64_t total = static_cast<int64_t>(prompts.size()) * options.samples *
                        static_cast<int64_t>(options.policies().size());
  Progress progress("synthesize", total, "answers", /*done=*/total - unfinished);
  Result result;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (tasks[i].empty()) continue;
    answer_from(std::move(sources[i]), tasks[i], journal, progress, stop_asked, result);
  }
  return result;
}

// A combined view of the journals of all parts.
class Parts {
 public:
  explicit Parts(std::vector<fs::path> dirs) : dirs_(std::move(dirs)) {
    for (const fs::path& dir : dirs_) {
      journals_.push_back(std::make_unique<AnswerJournal>(dir / "answers.jsonl"));
    }
  }

  // Index of the part with the answer, if any. Throws UserError if two parts have it.
  std::optional<size_t> part_with(const AnswerTask& task) const {
    std::optional<size_t> found;
    for (size_t i = 0; i < journals_.size(); ++i) {
      if (!journals_[i]->contains(task)) continue;
      if (found) {
        user_error("--merge: the answer ",
                   task.name(),
                   " is in ",
                   dirs_[*found],
                   " and in ",
                   dirs_[i],
                   "; remove the wrongly named folder and run that part again");
      }
      found = i;
    }
    return found;
  }

  Answer answer(const AnswerTask& task) const {
    const std::optional<size_t> part = part_with(task);
    RETMASK_CHECK(part.has_value(), "no answer ", task.name());
    return journals_[*part]->find(task).value();
  }

  // Prompts are assigned to parts as in select_prompts().
  void check_complete(const std::vector<Prompt>& prompts, const ResolvedOptions& options) const {
    std::vector<int64_t> missing(dirs_.size(), 0);
    for (size_t i = 0; i < prompts.size(); ++i) {
      for (const Policy policy : options.policies()) {
        for (int64_t sample = 0; sample < options.samples; ++sample) {
          const AnswerTask task{.prompt = &prompts[i], .policy = policy, .sample = sample};
          if (!part_with(task)) ++missing[i % dirs_.size()];
        }
      }
    }
    for (size_t i = 0; i < missing.size(); ++i) {
      if (missing[i] == 0) continue;
      const Part part{.shard = static_cast<int64_t>(i),
                      .num_shards = static_cast<int64_t>(dirs_.size())};
      user_error("--merge: ",
                 dirs_[i],
                 " is missing ",
                 missing[i],
                 " answers; run the workers' command with --shard ",
                 part.name(),
                 " to resume it");
    }
  }

  // Joins the verdicts into one journal, so that nothing is judged again.
  void join_verdicts(const std::vector<Prompt>& prompts,
                     int64_t samples,
                     const fs::path& out) const {
    VerdictJournal joined(out / "verdicts.jsonl");
    for (const fs::path& dir : dirs_) {
      const VerdictJournal verdicts(dir / "verdicts.jsonl");
      for (const Prompt& prompt : prompts) {
        for (int64_t sample = 0; sample < samples; ++sample) {
          const AnswerTask task{.prompt = &prompt, .policy = Policy::chosen, .sample = sample};
          const Verdict* verdict = verdicts.find(task);
          if (verdict != nullptr && joined.find(task) == nullptr) joined.add(task, *verdict);
        }
      }
    }
  }

 private:
  std::vector<fs::path> dirs_;
  std::vector<std::unique_ptr<AnswerJournal>> journals_;
};

}  // namespace

double Result::tokens_per_second() const {
  return generation_seconds > 0 ? static_cast<double>(generated_tokens) / generation_seconds : 0.0;
}

void check_inputs(const ResolvedOptions& options) {
  read_selected_prompts(options);
  make_row_maker(options);
  open_sources(options);
}

Result run(const ResolvedOptions& options, const fs::path& out, const StopPoll& stop_asked) {
  const PromptSet set = read_selected_prompts(options);
  const std::unique_ptr<RowMaker> row_maker = make_row_maker(options);
  AnswerJournal journal(out / "answers.jsonl");
  Result result = answer_all(options, set.prompts, journal, stop_asked);
  const auto finished = [&](const AnswerTask& task) {
    std::optional<Answer> answer = journal.find(task);
    RETMASK_CHECK(answer.has_value(), "no answer ", task.name());
    return std::move(*answer);
  };
  result.strategy = options.strategy;
  result.summary = write_outputs(options, *row_maker, set, finished, out);
  if (const int64_t dropped = result.summary.dropped_pairs(DropReason::prompt_too_long);
      dropped > 0) {
    log::warn(detail::concat(
        dropped, " pairs dropped: prompt and --max-new-tokens are too long for the model"));
  }
  return result;
}

Result merge(const ResolvedOptions& options, const fs::path& out) {
  RETMASK_CHECK(options.selection.num_shards == 1);
  const PromptSet set = read_selected_prompts(options);
  const Parts parts(find_parts(out));
  parts.check_complete(set.prompts, options);
  const std::unique_ptr<RowMaker> row_maker = make_row_maker(options);
  if (options.strategy == Strategy::win_lose) {
    parts.join_verdicts(set.prompts, options.samples, out);
  }
  Result result;
  result.strategy = options.strategy;
  result.summary = write_outputs(
      options, *row_maker, set, [&](const AnswerTask& task) { return parts.answer(task); }, out);
  return result;
}

}  // namespace retmask::synthesize
