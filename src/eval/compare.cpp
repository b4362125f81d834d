#include "retmask/eval/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/metrics/sign_test.h"
#include "run_groups.h"
#include "scored_runs.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

// A sample's scores in all runs.
struct PairedSample {
  std::string task;
  Json length;
  std::vector<std::optional<double>> scores;

  bool is_complete() const {
    return std::all_of(
        scores.begin(), scores.end(), [](const auto& score) { return score.has_value(); });
  }
};

std::string key_of(const ScoredSample& sample) {
  return sample.task + "\n" + sample.length.dump() + "\n" + sample.id;
}

std::string shown(const ScoredSample& sample) {
  return "\"" + sample.id + "\" of " + sample.task +
         (sample.length.is_null() ? "" : " at length " + sample.length.dump());
}

using SamplesByKey = std::map<std::string, const ScoredSample*>;

SamplesByKey index_samples(const ScoredRun& run) {
  SamplesByKey index;
  for (const ScoredSample& sample : run.samples) {
    if (!index.emplace(key_of(sample), &sample).second) {
      user_error(run.predictions, " holds the sample ", shown(sample), " twice");
    }
  }
  return index;
}

// The same suite in all folders; samples in the order of the first.
std::vector<PairedSample> pair_samples(const std::vector<const ScoredRun*>& runs) {
  std::vector<SamplesByKey> indices;
  for (const ScoredRun* run : runs) indices.push_back(index_samples(*run));
  for (size_t r = 1; r < runs.size(); ++r) {
    for (const ScoredSample& sample : runs[r]->samples) {
      if (indices[0].contains(key_of(sample))) continue;
      user_error(runs[0]->predictions,
                 " lacks the sample ",
                 shown(sample),
                 ", which is in ",
                 runs[r]->predictions,
                 "; only runs of the same samples can be compared");
    }
  }
  std::vector<PairedSample> pairs;
  for (const ScoredSample& sample : runs[0]->samples) {
    PairedSample pair{.task = sample.task, .length = sample.length, .scores = {}};
    for (size_t r = 0; r < runs.size(); ++r) {
      const auto found = indices[r].find(key_of(sample));
      if (found == indices[r].end()) {
        user_error(runs[r]->predictions,
                   " lacks the sample ",
                   shown(sample),
                   ", which is in ",
                   runs[0]->predictions,
                   "; only runs of the same samples can be compared");
      }
      if (found->second->reference != sample.reference) {
        user_error("the sample ",
                   shown(sample),
                   " has other references in ",
                   runs[r]->predictions,
                   " than in ",
                   runs[0]->predictions,
                   "; the runs had other data or another --seed");
      }
      pair.scores.push_back(found->second->score);
    }
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

bool are_right_or_wrong(const std::vector<double>& scores) {
  return std::all_of(
      scores.begin(), scores.end(), [](double score) { return score == 0.0 || score == 1.0; });
}

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return std::nan("");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double sign_test_of(const std::vector<double>& before, const std::vector<double>& after) {
  int64_t wins = 0;
  int64_t losses = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    wins += after[i] > before[i];
    losses += after[i] < before[i];
  }
  return sign_test(wins, losses);
}

// Of the samples with a score in every run: [groups][runs][samples].
std::vector<SeedScores> complete_scores(const std::vector<const PairedSample*>& samples,
                                        const std::vector<RunGroup>& groups) {
  std::vector<SeedScores> scores;
  size_t first = 0;  // run of the group
  for (const RunGroup& group : groups) {
    SeedScores& of_group = scores.emplace_back(group.dirs.size());
    for (const PairedSample* sample : samples) {
      if (!sample->is_complete()) continue;
      for (size_t r = 0; r < of_group.size(); ++r)
        of_group[r].push_back(*sample->scores[first + r]);
    }
    first += of_group.size();
  }
  return scores;
}

// Fills in everything that is computed from the samples.
ComparedTask compare_samples(ComparedTask row,
                             const std::vector<const PairedSample*>& samples,
                             const std::vector<RunGroup>& groups,
                             const BootstrapOptions& options) {
  const std::vector<SeedScores> scores = complete_scores(samples, groups);
  row.samples = static_cast<int64_t>(scores[0][0].size());
  row.missing = static_cast<int64_t>(samples.size()) - row.samples;
  for (const SeedScores& of_group : scores) {
    auto& means = row.run_scores.emplace_back();
    for (const auto& of_run : of_group) means.push_back(mean_of(of_run));
    row.scores.push_back(mean_of(means));
  }
  for (size_t g = 1; g < scores.size(); ++g) {
    row.difference.push_back(row.scores[g] - row.scores[0]);
    row.interval.push_back(bootstrap_seed_difference(scores[0], scores[g], options));
    const bool single = scores[0].size() == 1 && scores[g].size() == 1;
    const bool binary = single && row.samples > 0 && are_right_or_wrong(scores[0][0]) &&
                        are_right_or_wrong(scores[g][0]);
    row.sign_test.push_back(binary ? std::optional(sign_test_of(scores[0][0], scores[g][0]))
                                   : std::nullopt);
  }
  return row;
}

// The rows of one suite, and one over all of them if it has several and each sample is in one.
void compare_suite(const std::vector<const ScoredRun*>& runs,
                   const std::string& prefix,
                   const BootstrapOptions& options,
                   Comparison& comparison) {
  const std::vector<PairedSample> pairs = pair_samples(runs);
  ComparedTask frame{.run = runs[0]->name, .suite = runs[0]->suite, .unit = runs[0]->unit};
  std::vector<std::pair<ComparedTask, std::vector<const PairedSample*>>> groups;
  for (const PairedSample& pair : pairs) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& other) {
      return other.first.task == prefix + pair.task && other.first.length == pair.length;
    });
    if (group == groups.end()) {
      frame.task = prefix + pair.task;
      frame.length = pair.length;
      group = groups.insert(groups.end(), {frame, {}});
    }
    group->second.push_back(&pair);
  }
  for (auto& [row, samples] : groups) {
    comparison.rows.push_back(compare_samples(row, samples, comparison.groups, options));
  }
  std::set<std::string> ids;
  for (const ScoredSample& sample : runs[0]->samples) ids.insert(sample.id);
  if (groups.size() < 2 || ids.size() < pairs.size()) return;
  std::vector<const PairedSample*> all;
  for (const PairedSample& pair : pairs) all.push_back(&pair);
  frame.task = prefix + "all";
  frame.length = nullptr;
  comparison.overall.push_back(compare_samples(frame, all, comparison.groups, options));
}

}  // namespace

NiahScore parse_niah_score(const std::string& text) {
  constexpr EnumNames<NiahScore, 2> kNames{
      {{{NiahScore::success, "success"}, {NiahScore::recall, "recall"}}}};
  return kNames.parse("--niah-score", text);
}

Comparison compare_runs(std::vector<RunGroup> groups,
                        NiahScore niah_score,
                        const BootstrapOptions& options) {
  name_groups(groups);
  Comparison comparison{.groups = std::move(groups), .rows = {}, .overall = {}};
  std::vector<fs::path> dirs;
  std::vector<std::vector<ScoredRun>> folders;
  for (const RunGroup& group : comparison.groups) {
    for (const fs::path& dir : group.dirs) {
      dirs.push_back(dir);
      folders.push_back(read_scored_runs(dir, niah_score));
    }
  }
  for (size_t d = 1; d < dirs.size(); ++d) {
    for (const auto& [a, b] : {std::pair(0UL, d), std::pair(d, 0UL)}) {
      for (const ScoredRun& run : folders[a]) {
        const bool found =
            std::any_of(folders[b].begin(), folders[b].end(), [&](const ScoredRun& other) {
              return other.name == run.name && other.suite == run.suite;
            });
        if (!found) {
          user_error(dirs[b],
                     " has no run ",
                     run.name.empty() ? "" : "\"" + run.name + "\" ",
                     "of --suite ",
                     run.suite,
                     ", which ",
                     dirs[a],
                     " has");
        }
      }
    }
  }
  for (const ScoredRun& first : folders[0]) {
    std::vector<const ScoredRun*> runs;
    for (const auto& folder : folders) {
      runs.push_back(&*std::find_if(folder.begin(), folder.end(), [&](const ScoredRun& run) {
        return run.name == first.name;
      }));
    }
    const auto of_suite = std::count_if(folders[0].begin(), folders[0].end(), [&](const auto& run) {
      return run.suite == first.suite;
    });
    compare_suite(runs, of_suite > 1 ? first.name + " " : "", options, comparison);
  }
  return comparison;
}

}  // namespace retmask::eval
