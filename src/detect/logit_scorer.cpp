// Scorer::logit: how much the head raises the logits of the answer by what it reads from the
// needle. LOCOS (Gema et al. 2026, arXiv 2607.01002; github.com/aryopg/locos,
// detectors/logit_contrib.py):
//
//   phi(t, j) = alpha(t, j) u(y_t) . W_o v_j          alpha: attention weight, v: value of the
//   head,
//                                                     u: lm_head's row of the emitted token
//   S = mean over answer steps t of  sum of phi over needle positions j
//                                    - |needle| / |others| * sum of phi over all other j
//
// An answer step emits a token of the needle's answer. Samples count if the answer is right and has
// answer steps. The path to the logits is the direct one, without norms: neither the final one nor
// Olmo-3's after the attention. QK-norm is part of alpha, and v is that of the head's group.
//
// Unlike there, the needle's positions are those of real_needle, not of the sentence around it; the
// keys outside a sliding window count among the others, with weight 0; an answer does not end at a
// line break; and everything is computed in float32.

#include <algorithm>
#include <limits>
#include <map>

#include "answer_steps.h"
#include "answers.h"
#include "retmask/base/error.h"
#include "retmask/model/upload.h"

namespace retmask::detect {
namespace {

// The values that one query row reads from positions [begin, end), minus those from elsewhere
// scaled to as many positions: [H, D] float32 on the CPU.
torch::Tensor read_contrast(const AttentionRows& rows, int64_t begin, int64_t end) {
  RETMASK_CHECK(rows.q.size(0) == 1);
  const int64_t num_heads = rows.q.size(1);
  const int64_t num_keys = rows.keys.size(0);
  const int64_t num_kv_heads = rows.keys.size(1);
  const double inside = static_cast<double>(end - begin);
  torch::Tensor signs = torch::full({num_keys},
                                    -inside / (static_cast<double>(num_keys) - inside),
                                    rows.q.options().dtype(torch::kFloat32));
  signs.narrow(0, begin, end - begin).fill_(1.0);
  const torch::Tensor weights =  // [Hkv, H / Hkv, K]
      (rows.weights().squeeze(1) * signs).view({num_kv_heads, num_heads / num_kv_heads, num_keys});
  const torch::Tensor values = rows.values.transpose(0, 1).to(torch::kFloat32);  // [Hkv, K, D]
  return torch::matmul(weights, values).view({num_heads, -1}).cpu();
}

class LogitScorer : public HeadScorer {
 public:
  using HeadScorer::HeadScorer;

  void score(const std::vector<size_t>& waiting,
             Progress& progress,
             const Finish& finish) override {
    std::map<size_t, std::vector<torch::Tensor>> contrasts;  // by request: step by step, all layers
    std::vector<GenerationRequest> requests;
    for (const size_t index : waiting) {
      requests.push_back(answer_request(sample(index), input_));
      if (!sample(index).span.found()) continue;
      requests.back().visited_rows = {static_cast<int64_t>(sample(index).prompt.size()) - 1,
                                      std::numeric_limits<int64_t>::max()};
    }
    generate(
        requests,
        [&](size_t request, size_t, const GenerationResult& answer) {
          finish(waiting[request],
                 scored(sample(waiting[request]), answer.tokens, contrasts[request]));
          contrasts.erase(request);
          progress.advance();
        },
        /*observer=*/nullptr,
        [&](size_t request, size_t, const AttentionRows& rows) {
          const niah::Sample& asked = sample(waiting[request]);
          const auto prompt_end = static_cast<int64_t>(asked.prompt.size());
          contrasts[request].push_back(
              read_contrast(rows, asked.span.begin, std::min(asked.span.end, prompt_end)));
        });
  }

 private:
  Detection scored(const niah::Sample& sample,
                   const std::vector<int64_t>& tokens,
                   const std::vector<torch::Tensor>& contrasts) const {
    Detection detection = judged_answer(sample, tokens, input_);
    const std::vector<size_t> steps =
        answer_steps(tokens, sample, token_texts(tokens, input_.subject.tokenizer));
    detection.measured = sample.span.found() && !steps.empty();
    if (!detection.measured) return detection;
    std::vector<int64_t> emitted;
    for (const size_t step : steps) emitted.push_back(tokens[step]);
    const torch::Tensor u = model().unembedding(upload(emitted, model().device()));  // [n, hidden]
    const auto num_layers = static_cast<size_t>(model().config().num_hidden_layers());
    for (size_t layer = 0; layer < num_layers; ++layer) {
      std::vector<torch::Tensor> read;
      for (const size_t step : steps) read.push_back(contrasts.at(step * num_layers + layer));
      const torch::Tensor directions =  // [n, H, D]
          model().project_onto_heads(u, static_cast<int64_t>(layer)).cpu();
      const torch::Tensor scores =  // [H]
          (directions * torch::stack(read)).sum(-1).mean(0).to(torch::kFloat64);
      for (int64_t head = 0; head < scores.size(0); ++head)
        detection.scores[{static_cast<int64_t>(layer), head}] = scores[head].item<double>();
    }
    return detection;
  }
};

}  // namespace

std::unique_ptr<HeadScorer> make_logit_scorer(const ScorerInput& input) {
  return std::make_unique<LogitScorer>(input);
}

}  // namespace retmask::detect
