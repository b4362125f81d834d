#pragma once
// What the four scorers have in common, and how run() sees them. One file each.

#include <functional>
#include <memory>
#include <vector>

#include "retmask/base/progress.h"
#include "retmask/detect/detect.h"
#include "retmask/engine/generator.h"

namespace retmask::detect {

// What a scorer works on; all must outlive it.
struct ScorerInput {
  const Subject& subject;
  const std::vector<niah::Sample>& samples;
  const Options& options;
};

class HeadScorer {
 public:
  explicit HeadScorer(const ScorerInput& input) : input_(input) {}
  virtual ~HeadScorer() = default;

  // Called once for each sample, as it is finished.
  using Finish = std::function<void(size_t sample, Detection detection)>;

  // What the progress counts, and how many of them a sample has.
  struct Unit {
    const char* name = "samples";
    int64_t per_sample = 1;
  };
  virtual Unit unit() const { return {}; }
  // Scores these samples and advances the progress.
  virtual void score(const std::vector<size_t>& waiting,
                     Progress& progress,
                     const Finish& finish) = 0;

  // Of all generations.
  const GenerationTimes& times() const { return times_; }

 protected:
  // Runs the requests with the options' batch size and memory; prompts share their beginnings.
  void generate(const std::vector<GenerationRequest>& requests,
                const ResultVisitor& on_finish,
                const StepObserver& observer,
                const RowVisitor& on_rows);
  const niah::Sample& sample(size_t index) const { return input_.samples[index]; }
  const InferenceLm& model() const { return input_.subject.model; }

  const ScorerInput input_;

 private:
  GenerationTimes times_;
};

std::unique_ptr<HeadScorer> make_copy_scorer(const ScorerInput& input);
std::unique_ptr<HeadScorer> make_logit_scorer(const ScorerInput& input);
std::unique_ptr<HeadScorer> make_query_scorer(const ScorerInput& input);
std::unique_ptr<HeadScorer> make_ablation_scorer(const ScorerInput& input);

}  // namespace retmask::detect
