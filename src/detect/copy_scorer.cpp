// Scorer::copy: |g_h n k| / |k|, where k are the tokens of the needle and g_h those that the head
// copied into the answer (Ma & Okazaki, RetMask, Eq. 1; Wu et al. 2025, arXiv 2404.15574).

#include <map>

#include "answers.h"

namespace retmask::detect {
namespace {

class CopyScorer : public HeadScorer {
 public:
  using HeadScorer::HeadScorer;

  void score(const std::vector<size_t>& waiting,
             Progress& progress,
             const Finish& finish) override {
    std::map<size_t, CopyCounter> counters;  // by request, while it is answered
    std::vector<GenerationRequest> requests;
    for (const size_t index : waiting) {
      counters.emplace(requests.size(), CopyCounter(sample(index), input_.options.scoring));
      requests.push_back(answer_request(sample(index), input_));
    }
    generate(
        requests,
        [&](size_t request, size_t, const GenerationResult& answer) {
          finish(waiting[request],
                 scored(sample(waiting[request]), answer.tokens, counters.at(request)));
          counters.erase(request);
          progress.advance();
        },
        [&](size_t request, size_t, int64_t token, const torch::Tensor& largest_keys) {
          counters.at(request).observe(token, largest_keys);
        },
        /*on_rows=*/nullptr);
  }

 private:
  Detection scored(const niah::Sample& sample,
                   const std::vector<int64_t>& tokens,
                   const CopyCounter& counter) const {
    Detection detection = judged_answer(sample, tokens, input_);
    detection.scores = counter.scores();
    const std::vector<std::string> texts = token_texts(tokens, input_.subject.tokenizer);
    for (size_t i = 0; i < texts.size(); ++i)
      detection.steps.emplace_back(texts[i], counter.steps()[i].copied_by);
    return detection;
  }
};

}  // namespace

std::unique_ptr<HeadScorer> make_copy_scorer(const ScorerInput& input) {
  return std::make_unique<CopyScorer>(input);
}

}  // namespace retmask::detect
