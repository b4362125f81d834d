#include "host_step_executor.h"

#include <ATen/Parallel.h>

#include "retmask/base/error.h"

namespace retmask {

SampledToken sample_on_host(Sampler& sampler,
                            Sequence& sequence,
                            const float* logits,
                            int64_t vocab_size) {
  const GenerationRequest& request = sequence.request->request;
  const std::vector<int64_t>& forced = sequence.forced_tokens();
  if (!forced.empty())
    return sampler.score(logits, vocab_size, forced[sequence.result.tokens.size()]);
  if (request.token_forcer) {
    if (const std::optional<int64_t> id = request.token_forcer(sequence.result.tokens)) {
      RETMASK_CHECK(0 <= *id && *id < vocab_size, "a forced token is outside of the vocabulary");
      return sampler.score(logits, vocab_size, *id);
    }
  }
  return sampler.sample(logits,
                        vocab_size,
                        request.sampling,
                        sequence.random,
                        {request.prompt, sequence.result.tokens});
}

HostStepExecutor::HostStepExecutor(const InferenceLm& model,
                                   const BlockPool& pool,
                                   const StepExecutorOptions& options)
    : options_(options), runner_(model, pool) {}

void HostStepExecutor::forward(std::deque<Sequence>& sequences,
                               const std::vector<PrefillChunk>& chunks) {
  result_ = runner_.run(sequences, chunks, options_.probe, options_.times, options_.on_rows);
  if (result_.logits.defined())
    result_.logits = result_.logits.to(torch::kCPU, torch::kFloat32).contiguous();
}

std::vector<DrawnToken> HostStepExecutor::draw(std::deque<Sequence>& sequences,
                                               const std::vector<int64_t>& logits_row) {
  std::vector<DrawnToken> drawn(sequences.size());
  if (sequences.empty()) return drawn;
  const ScopedTimer timer(options_.times != nullptr ? &options_.times->sampling : nullptr);
  const int64_t vocab_size = result_.logits.size(1);
  const float* logits = result_.logits.const_data_ptr<float>();
  at::parallel_for(
      0, static_cast<int64_t>(sequences.size()), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
        Sampler sampler;
        for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
          drawn[i].sequence = sequences[i].number;
          drawn[i].token = sample_on_host(
              sampler, sequences[i], logits + logits_row[i] * vocab_size, vocab_size);
        }
      });
  if (options_.probe) {
    for (size_t i = 0; i < sequences.size(); ++i)
      drawn[i].largest_keys = result_.largest_keys[logits_row[i]];
  }
  return drawn;
}

}  // namespace retmask
