// Scorer::ablation: how much the needle's mean log-prob drops when this head alone is masked.
//
//   S = 1/n * sum over i of log p(k_i | prompt, k_1 .. k_i-1) - the same under the masked head
//
// where k are the n tokens of real_needle, given after the prompt whatever the model would answer,
// and masking is that of Eq. 2 (Ma & Okazaki): the head's output is 0 at every position. This is
// the causal effect that the other scorers estimate. A masked head changes nothing below its layer,
// so the layers below are computed once per sample, and the work is that of half a forward pass per
// head. Above, every position changes, and everything is computed again.

#include <algorithm>

#include "head_scorer.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/device.h"
#include "retmask/model/upload.h"

namespace retmask::detect {
namespace {

// Rows of a batch beyond which a batch is no faster.
int64_t useful_rows(torch::Device device) { return device.is_cpu() ? 2048 : 32768; }

// Estimate of a layer's activations: the residual stream and its copies, queries, keys and values,
// attention's output, and the three of the MLP.
int64_t bytes_per_row(const ModelConfig& config, torch::ScalarType dtype) {
  const int64_t heads = 2 * config.num_attention_heads + 4 * config.num_key_value_heads;
  const int64_t elements =
      5 * config.hidden_size + heads * config.head_dim + 3 * config.intermediate_size;
  return elements * static_cast<int64_t>(torch::elementSize(dtype));
}

// A sample's prompt and needle as input, with the needle's tokens as targets.
struct Forced {
  torch::Tensor input;       // [T]
  torch::Tensor predictors;  // [n]: rows that predict the targets
  torch::Tensor targets;     // [n]
};

Forced force_needle(const niah::Sample& sample, const InferenceLm& model) {
  std::vector<int64_t> input = sample.prompt;
  input.insert(input.end(), sample.needle_tokens.begin(), sample.needle_tokens.end() - 1);
  const auto length = static_cast<int64_t>(input.size());
  if (length > model.config().max_positions) {
    user_error("a prompt of ",
               sample.prompt.size(),
               " tokens with its needle exceeds the model's maximum of ",
               model.config().max_positions,
               "; use smaller --lengths or, if the model can, give --max-position");
  }
  const auto needle = static_cast<int64_t>(sample.needle_tokens.size());
  return {.input = upload(input, model.device()),
          .predictors = torch::arange(length - needle, length, torch::kInt64).to(model.device()),
          .targets = upload(sample.needle_tokens, model.device())};
}

// Sequences of `tokens` tokens each.
PackedBatch same_lengths(size_t sequences, int64_t tokens) {
  PackedBatch batch;
  batch.lengths.assign(sequences, tokens);
  return batch;
}

class AblationScorer : public HeadScorer {
 public:
  using HeadScorer::HeadScorer;

  Unit unit() const override { return {.name = "heads", .per_sample = layers() * heads()}; }

  void score(const std::vector<size_t>& waiting,
             Progress& progress,
             const Finish& finish) override {
    const torch::InferenceMode inference;
    if (!waiting.empty()) say_what_it_costs(waiting);
    for (const size_t index : waiting) {
      Detection detection{.answered = false, .measured = sample(index).span.found()};
      if (detection.measured)
        detection.scores = drops(force_needle(sample(index), model()), progress);
      else
        progress.advance(unit().per_sample);
      finish(index, std::move(detection));
    }
  }

 private:
  int64_t layers() const { return model().config().num_hidden_layers(); }
  int64_t heads() const { return model().config().num_attention_heads; }

  void say_what_it_costs(const std::vector<size_t>& waiting) const {
    int64_t tokens = 0;
    for (const size_t index : waiting)
      tokens +=
          static_cast<int64_t>(sample(index).prompt.size() + sample(index).needle_tokens.size());
    const int64_t passes = heads() * (layers() + 1) / 2 + 1;
    log::info(detail::concat("masks each of ",
                             layers() * heads(),
                             " heads in turn on ",
                             waiting.size(),
                             " samples: as much work as ",
                             passes,
                             " forward passes over ",
                             tokens,
                             " tokens"));
  }

  SampleScores drops(const Forced& forced, Progress& progress) const {
    const int64_t rows = forced.input.size(0);
    const int64_t affordable =
        free_memory(model().device()) / 4 / bytes_per_row(model().config(), model().dtype());
    const int64_t most =
        std::max<int64_t>(1, std::min(affordable, useful_rows(model().device())) / rows);
    SampleScores scores;
    torch::Tensor x = model().embed(forced.input);  // [T, hidden], the input of `layer`
    for (int64_t layer = 0; layer < layers(); ++layer) {
      for (int64_t head = 0; head < heads(); head += most) {
        std::vector<Head> masked;
        for (int64_t i = head; i < std::min(head + most, heads()); ++i)
          masked.push_back({layer, i});
        const torch::Tensor logprobs = masked_logprobs(x, masked, forced);
        for (size_t i = 0; i < masked.size(); ++i)
          scores[masked[i]] = -logprobs[static_cast<int64_t>(i)].item<double>();
        progress.advance(static_cast<int64_t>(masked.size()));
      }
      x = model().run_layers(std::move(x), layer, layer + 1, same_lengths(1, rows));
    }
    const double whole = mean_logprobs(x, 1, forced).item<double>();
    for (auto& [head, score] : scores) score += whole;
    return scores;
  }

  // x [T, hidden] at the layer of these heads -> [masked heads]: the mean log-prob with each
  // masked.
  torch::Tensor masked_logprobs(const torch::Tensor& x,
                                const std::vector<Head>& masked,
                                const Forced& forced) const {
    const auto copies = static_cast<int64_t>(masked.size());
    std::vector<std::vector<Head>> masks;
    for (const Head& head : masked) masks.push_back({head});
    const HeadGate gate(
        model().config(), masks, torch::TensorOptions(model().dtype()).device(model().device()));
    PackedBatch batch = same_lengths(masked.size(), x.size(0));
    batch.gate = &gate;
    return mean_logprobs(
        model().run_layers(x.repeat({copies, 1}), masked.front().layer, layers(), batch),
        copies,
        forced);
  }

  // x [copies * T, hidden] above the last layer -> [copies] on the CPU.
  torch::Tensor mean_logprobs(const torch::Tensor& x, int64_t copies, const Forced& forced) const {
    const torch::Tensor predictors =  // [copies, n, hidden]
        x.view({copies, -1, x.size(1)}).index_select(1, forced.predictors);
    return model()
        .target_logprobs(model().final_norm(predictors.flatten(0, 1)),
                         forced.targets.repeat({copies}))
        .view({copies, -1})
        .to(torch::kCPU, torch::kFloat64)
        .mean(1);
  }
};

}  // namespace

std::unique_ptr<HeadScorer> make_ablation_scorer(const ScorerInput& input) {
  return std::make_unique<AblationScorer>(input);
}

}  // namespace retmask::detect
