#include "retmask/engine/generator.h"

#include <algorithm>
#include <numeric>

#include "block_pool.h"
#include "cache_size.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/device.h"
#include "run_generation.h"
#include "scheduler.h"
#include "step_executor.h"

namespace retmask {
namespace {

int64_t num_blocks(const InferenceLm& model, const GeneratorOptions& options) {
  const int64_t available = options.kv_cache_bytes > 0 ? 0 : free_memory(model.device());
  return num_cache_blocks(model.config(), model.device(), model.dtype(), options, available);
}

bool is_finished(Sequence& sequence) {
  if (sequence.result.tokens.empty()) return false;  // its first token is pending
  const std::vector<int64_t>& forced = sequence.forced_tokens();
  if (!forced.empty()) return sequence.result.tokens.size() == forced.size();
  const GenerationRequest& request = sequence.request->request;
  const int64_t newest = sequence.result.tokens.back();
  if (std::ranges::find(request.stop_ids, newest) != request.stop_ids.end()) {
    sequence.result.reason = FinishReason::stop_id;
    return true;
  }
  if (request.stop_rule && request.stop_rule(sequence.result.tokens)) {
    sequence.result.reason = FinishReason::stop_rule;
    return true;
  }
  return static_cast<int64_t>(sequence.result.tokens.size()) >= request.max_new_tokens;
}

// One call of Generator::run.
class Run {
 public:
  Run(const InferenceLm& model,
      const GeneratorOptions& options,
      const StepExecutorFactory& make_executor,
      const RequestSource& source,
      const ResultVisitor& on_finish,
      const StepObserver& observer,
      GenerationTimes* times,
      const RowVisitor& on_rows)
      : on_finish_(on_finish),
        observer_(observer),
        times_(times),
        pool_(model.config(),
              torch::TensorOptions(model.dtype()).device(model.device()),
              num_blocks(model, options),
              options.reserve_cache),
        // An observer must not see a token twice, nor a visitor a row.
        scheduler_(model.config(),
                   source,
                   {.max_batch_size = options.max_batch_size,
                    .prefill = prefill_policy(options, model.device()),
                    .never_evict = observer != nullptr || on_rows != nullptr,
                    .prefix_cache = options.prefix_cache && can_share_prefixes(model.config())},
                   pool_),
        executor_(make_executor(model,
                                pool_,
                                {.max_rows = options.max_batch_size,
                                 .probe = observer != nullptr,
                                 .cuda_graphs = options.cuda_graphs,
                                 .times = times,
                                 .on_rows = on_rows ? &on_rows : nullptr})) {}

  void run() {
    const ScopedTimer timer(times_ != nullptr ? &times_->total : nullptr);
    while (true) {
      stop_point();
      scheduler_.admit();
      if (scheduler_.is_idle()) break;
      scheduler_.make_room();
      step();
    }
    if (times_ != nullptr) times_->reused_tokens += scheduler_.reused_tokens();
  }

 private:
  void step() {
    std::deque<Sequence>& sequences = scheduler_.sequences();
    const std::vector<PrefillChunk> chunks = scheduler_.next_chunks();
    std::vector<int64_t> logits_row(sequences.size());  // row of each sequence in the logits
    std::iota(logits_row.begin(), logits_row.end(), 0);
    executor_->forward(sequences, chunks);
    if (times_ != nullptr) count(chunks);

    auto next_logits = static_cast<int64_t>(sequences.size());
    for (const PrefillChunk& chunk : chunks)
      scheduler_.finish(chunk, [&] { logits_row.resize(sequences.size(), next_logits++); });
    scheduler_.drop_finished_prefills();

    for (const DrawnToken& drawn : executor_->draw(sequences, logits_row)) accept(drawn);
    scheduler_.retire(is_finished, [&](const Sequence& sequence) {
      on_finish_(sequence.request->index, sequence.continuation, sequence.result);
    });
  }

  void accept(const DrawnToken& drawn) {
    Sequence& sequence = *find_sequence(scheduler_.sequences(), drawn.sequence);
    sequence.result.tokens.push_back(drawn.token.id);
    sequence.result.logprobs.push_back(drawn.token.logprob);
    if (times_ != nullptr) ++times_->new_tokens;
    if (observer_)
      observer_(sequence.request->index, sequence.continuation, drawn.token.id, drawn.largest_keys);
  }

  void count(const std::vector<PrefillChunk>& chunks) {
    bool any_work = !chunks.empty();
    for (const Sequence& sequence : scheduler_.sequences()) {
      if (!sequence.wants_token()) continue;  // its last token is pending
      any_work = true;
      times_->cached_tokens += sequence.past() + 1;
    }
    times_->steps += any_work;
    for (const PrefillChunk& chunk : chunks) times_->prompt_tokens += chunk.end - chunk.begin;
  }

  const ResultVisitor& on_finish_;
  const StepObserver& observer_;
  GenerationTimes* times_;
  BlockPool pool_;
  Scheduler scheduler_;
  std::unique_ptr<StepExecutor> executor_;
};

}  // namespace

double GenerationResult::sum_logprob() const {
  return std::accumulate(logprobs.begin(), logprobs.end(), 0.0);
}

void GeneratorOptions::validate() const {
  if (max_batch_size < 1) user_error("--batch-size is ", max_batch_size, ", expected 1 or more");
  if (kv_cache_bytes < 0) user_error("--kv-cache-mib is negative, expected 0 (automatic) or more");
  RETMASK_CHECK(prefill_tokens >= 0 && max_sequence_tokens >= 0);
}

Generator::Generator(const InferenceLm& model, GeneratorOptions options)
    : model_(model), options_(options) {
  options_.validate();
}

void Generator::run(const RequestSource& source,
                    const ResultVisitor& on_finish,
                    const StepObserver& observer,
                    GenerationTimes* times,
                    const RowVisitor& on_rows) {
  run_generation(model_, options_, make_step_executor, source, on_finish, observer, times, on_rows);
}

void run_generation(const InferenceLm& model,
                    const GeneratorOptions& options,
                    const StepExecutorFactory& make_executor,
                    const RequestSource& source,
                    const ResultVisitor& on_finish,
                    const StepObserver& observer,
                    GenerationTimes* times,
                    const RowVisitor& on_rows) {
  const torch::InferenceMode inference;
  Run(model, options, make_executor, source, on_finish, observer, times, on_rows).run();
}

std::vector<size_t> prefix_order(const std::vector<std::span<const int64_t>>& prompts) {
  std::vector<size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return std::ranges::lexicographical_compare(prompts[a], prompts[b]);
  });
  return order;
}

RequestSource source_of(const std::vector<GenerationRequest>& requests) {
  return [&requests, next = size_t{0}]() mutable -> std::optional<GenerationRequest> {
    if (next == requests.size()) return std::nullopt;
    return requests[next++];
  };
}

}  // namespace retmask
