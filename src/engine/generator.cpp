#include "retmask/engine/generator.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "block_pool.h"
#include "retmask/base/error.h"
#include "running.h"
#include "step.h"

namespace retmask {
namespace {

// Prompts are read in pieces that begin at multiples of this: the same ones in every batch.
constexpr int64_t kPieceTokens = 512;

void check_request(const GenerationRequest& request,
                   size_t index,
                   const ModelConfig& config,
                   const BlockPool& pool) {
  request.sampling.validate();
  RETMASK_CHECK(!request.continuations.empty());
  if (request.max_new_tokens < 1)
    user_error("--max-new-tokens is ", request.max_new_tokens, ", expected 1 or more");
  if (request.prompt.empty()) user_error("prompt ", index, " has no tokens");
  const auto length = static_cast<int64_t>(request.prompt.size()) + request.max_new_tokens;
  if (length > config.max_position_embeddings) {
    user_error("prompt ",
               index,
               " has ",
               request.prompt.size(),
               " tokens, which with ",
               request.max_new_tokens,
               " new ones exceeds the model's max_position_embeddings ",
               config.max_position_embeddings,
               "; shorten it or lower --max-new-tokens");
  }
  if (BlockPool::blocks_for(length) > pool.num_blocks()) {
    user_error("prompt ",
               index,
               " may need keys and values of ",
               length,
               " tokens, but the cache holds ",
               pool.num_blocks() * BlockPool::kBlockSize,
               "; raise --kv-cache-mib");
  }
  for (const int64_t id : request.prompt) {
    if (id < 0 || id >= config.vocab_size) {
      user_error("prompt ",
                 index,
                 " has token id ",
                 id,
                 ", but the model's vocab_size is ",
                 config.vocab_size,
                 "; do the tokenizer and the model belong together?");
    }
  }
  for (const Continuation& continuation : request.continuations)
    check_heads(continuation.masked_heads, config, "mask");
}

int64_t free_memory(torch::Device device) {
  if (!device.is_cpu()) {
    return static_cast<int64_t>(at::accelerator::getMemoryInfo(device.index()).first);
  }
  return static_cast<int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

int64_t num_blocks(const CausalLm& model, const GeneratorOptions& options) {
  const ModelConfig& config = model.config();
  const int64_t block_bytes = BlockPool::block_bytes(config, model.dtype());
  const int64_t one = BlockPool::blocks_for(config.max_position_embeddings);
  if (options.kv_cache_bytes > 0)
    return std::min(options.kv_cache_bytes / block_bytes, options.max_batch_size * one);
  const double share = model.device().is_cpu() ? 0.25 : 0.85;
  const auto affordable =
      static_cast<int64_t>(share * static_cast<double>(free_memory(model.device()))) / block_bytes;
  return std::min(affordable, options.max_batch_size * one);
}

// One call of Generator::run.
class Run {
 public:
  Run(const CausalLm& model,
      const GeneratorOptions& options,
      const RequestSource& source,
      const ResultVisitor& on_finish,
      const StepObserver& observer,
      GenerationTimes* times)
      : model_(model),
        options_(options),
        source_(source),
        on_finish_(on_finish),
        observer_(observer),
        times_(times),
        pool_(model.config(),
              torch::TensorOptions(model.dtype()).device(model.device()),
              num_blocks(model, options)),
        step_(model, pool_) {}

  void run() {
    const ScopedTimer timer(times_ != nullptr ? &times_->total : nullptr);
    while (true) {
      admit();
      if (rows_.empty() && prefills_.empty()) return;
      make_room();
      step();
    }
  }

 private:
  // Lets continuations begin while there are rows and blocks for them.
  void admit() {
    while (!waiting_.empty() || pull()) {
      Waiting& next = waiting_.front();
      auto count = std::min<int64_t>(static_cast<int64_t>(next.continuations.size()),
                                     options_.max_batch_size);
      if (num_open_ + count > options_.max_batch_size) return;
      Prefill prefill = first_continuations(next, count);
      if (!has_blocks_for(prefill)) {
        if (num_open_ > 0) return;
        count = 1;  // check_request: one alone has enough
        prefill = first_continuations(next, count);
      }
      reserve(prefill);
      num_open_ += count;
      prefills_.push_back(std::move(prefill));
      next.continuations.erase(next.continuations.begin(), next.continuations.begin() + count);
      if (next.continuations.empty()) waiting_.pop_front();
    }
  }

  static Prefill first_continuations(const Waiting& waiting, int64_t count) {
    Prefill prefill{.request = waiting.request, .policies = {}, .done = 0};
    for (int64_t i = 0; i < count; ++i)
      add_continuation(prefill, waiting.continuations[static_cast<size_t>(i)]);
    return prefill;
  }

  // With a block for each running row besides, so that the next step does not throw this one out.
  bool has_blocks_for(const Prefill& prefill) const {
    const auto prompt_size = static_cast<int64_t>(prefill.prompt().size());
    const auto count = static_cast<int64_t>(prefill.num_continuations());
    const int64_t needed =
        static_cast<int64_t>(prefill.policies.size()) * BlockPool::blocks_for(prompt_size) + count;
    return needed + num_open_ <= pool_.num_free();
  }

  bool pull() {
    if (exhausted_) return false;
    std::optional<GenerationRequest> request = source_();
    if (!request) {
      exhausted_ = true;
      return false;
    }
    check_request(*request, num_requests_, model_.config(), pool_);
    Waiting waiting;
    for (size_t i = 0; i < request->continuations.size(); ++i) waiting.continuations.push_back(i);
    waiting.request = std::make_shared<const NumberedRequest>(
        NumberedRequest{num_requests_++, std::move(*request)});
    waiting_.push_back(std::move(waiting));
    return true;
  }

  static void add_continuation(Prefill& prefill, size_t continuation) {
    const auto& heads = prefill.request->request.continuations[continuation].masked_heads;
    for (Prefill::Policy& policy : prefill.policies) {
      if (prefill.masked_heads(policy) != heads) continue;
      policy.continuations.push_back(continuation);
      return;
    }
    prefill.policies.push_back({.continuations = {continuation}, .blocks = {}, .spare = {}});
  }

  // The blocks of the prompt; where its last one is not full, one more for each continuation that
  // shares it, to write on.
  void reserve(Prefill& prefill) {
    const auto prompt_size = static_cast<int64_t>(prefill.prompt().size());
    for (Prefill::Policy& policy : prefill.policies) {
      for (int64_t i = 0; i < BlockPool::blocks_for(prompt_size); ++i)
        policy.blocks.push_back(pool_.take());
      if (prompt_size % BlockPool::kBlockSize == 0) continue;
      for (size_t i = 1; i < policy.continuations.size(); ++i) policy.spare.push_back(pool_.take());
    }
  }

  void free_blocks(const std::vector<int32_t>& blocks) {
    for (const int32_t block : blocks) pool_.remove_user(block);
  }

  // A block for each row's next token. Without enough of them the newest go back to the queue, to
  // begin anew: their texts will be the same.
  void make_room() {
    for (size_t i = 0; i < rows_.size(); ++i) {
      Row& row = rows_[i];
      if (row.past() < static_cast<int64_t>(row.blocks.size()) * BlockPool::kBlockSize) continue;
      while (pool_.num_free() == 0 && i < rows_.size()) evict_newest();
      if (i < rows_.size()) row.blocks.push_back(pool_.take());
    }
  }

  void evict_newest() {
    Waiting waiting;
    if (!prefills_.empty()) {
      const Prefill& newest = prefills_.back();
      waiting.request = newest.request;
      for (const Prefill::Policy& policy : newest.policies) {
        waiting.continuations.insert(
            waiting.continuations.end(), policy.continuations.begin(), policy.continuations.end());
        free_blocks(policy.blocks);
        free_blocks(policy.spare);
      }
      prefills_.pop_back();
    } else {
      const Row& newest = rows_.back();
      waiting.request = newest.request;
      waiting.continuations = {newest.continuation};
      free_blocks(newest.blocks);
      rows_.pop_back();
    }
    num_open_ -= static_cast<int64_t>(waiting.continuations.size());
    waiting_.push_front(std::move(waiting));
  }

  std::vector<PromptPiece> next_pieces() {
    std::vector<PromptPiece> pieces;
    int64_t tokens = 0;
    for (Prefill& prefill : prefills_) {
      const int64_t end = std::min<int64_t>(static_cast<int64_t>(prefill.prompt().size()),
                                            prefill.done + kPieceTokens);
      const auto size = (end - prefill.done) * static_cast<int64_t>(prefill.policies.size());
      if (!pieces.empty() && tokens + size > options_.prefill_tokens) break;
      pieces.push_back({&prefill, prefill.done, end});
      tokens += size;
    }
    return pieces;
  }

  void step() {
    const std::vector<PromptPiece> pieces = next_pieces();
    const size_t old_rows = rows_.size();
    const StepRunner::Result result = step_.run(rows_, pieces, observer_ != nullptr, times_);
    if (times_ != nullptr) count(pieces);

    std::vector<int64_t> logits_row;  // of each row
    for (size_t i = 0; i < old_rows; ++i) logits_row.push_back(static_cast<int64_t>(i));
    auto next_logits = static_cast<int64_t>(old_rows);
    for (const PromptPiece& piece : pieces) {
      piece.prefill->done = piece.end;
      if (!piece.is_last()) continue;
      for (Prefill::Policy& policy : piece.prefill->policies) {
        begin_rows(*piece.prefill, policy);
        logits_row.resize(rows_.size(), next_logits++);
      }
    }
    std::erase_if(prefills_, [](const Prefill& prefill) {
      return prefill.done == static_cast<int64_t>(prefill.prompt().size());
    });

    sample_rows(result.logits, logits_row);
    if (observer_) {
      for (size_t i = 0; i < rows_.size(); ++i) {
        observer_(rows_[i].request->index,
                  rows_[i].continuation,
                  rows_[i].result.tokens.back(),
                  result.largest_keys[logits_row[i]]);
      }
    }
    retire();
  }

  void count(const std::vector<PromptPiece>& pieces) {
    ++times_->steps;
    for (const Row& row : rows_) times_->cached_tokens += row.past() + 1;
    for (const PromptPiece& piece : pieces) times_->prompt_tokens += piece.end - piece.begin;
  }

  // The prompt has been read: its policy's continuations go on from its last token.
  void begin_rows(const Prefill& prefill, Prefill::Policy& policy) {
    const auto full = prefill.prompt().size() / static_cast<size_t>(BlockPool::kBlockSize);
    for (size_t i = 0; i < policy.continuations.size(); ++i) {
      Row row{.request = prefill.request, .continuation = policy.continuations[i]};
      row.random = prefill.request->request.continuations[row.continuation].random;
      if (i == 0) {
        row.blocks = policy.blocks;
      } else {
        row.blocks.assign(policy.blocks.begin(),
                          policy.blocks.begin() + static_cast<std::ptrdiff_t>(full));
        for (const int32_t block : row.blocks) pool_.add_user(block);
        if (full < policy.blocks.size()) {
          row.blocks.push_back(policy.spare[i - 1]);
          pool_.copy(policy.blocks.back(), row.blocks.back());
        }
      }
      rows_.push_back(std::move(row));
    }
  }

  void sample_rows(const torch::Tensor& logits, const std::vector<int64_t>& logits_row) {
    if (rows_.empty()) return;
    const ScopedTimer timer(times_ != nullptr ? &times_->sampling : nullptr);
    if (times_ != nullptr) times_->new_tokens += static_cast<int64_t>(rows_.size());
    const int64_t vocab_size = logits.size(1);
    const float* data = logits.const_data_ptr<float>();
    at::parallel_for(
        0, static_cast<int64_t>(rows_.size()), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
          Sampler sampler;
          for (int64_t i = begin; i < end; ++i) {
            Row& row = rows_[static_cast<size_t>(i)];
            const SampledToken token =
                sampler.sample(data + logits_row[static_cast<size_t>(i)] * vocab_size,
                               vocab_size,
                               row.request->request.sampling,
                               row.random);
            row.result.tokens.push_back(token.id);
            row.result.sum_logprob += token.logprob;
          }
        });
  }

  static bool is_finished(Row& row) {
    const GenerationRequest& request = row.request->request;
    const int64_t newest = row.result.tokens.back();
    if (std::ranges::find(request.stop_ids, newest) != request.stop_ids.end()) {
      row.result.reason = FinishReason::stop;
      return true;
    }
    return static_cast<int64_t>(row.result.tokens.size()) >= request.max_new_tokens;
  }

  void retire() {
    const auto ended = std::stable_partition(
        rows_.begin(), rows_.end(), [](Row& row) { return !is_finished(row); });
    for (auto row = ended; row != rows_.end(); ++row) {
      free_blocks(row->blocks);
      --num_open_;
      on_finish_(row->request->index, row->continuation, row->result);
    }
    rows_.erase(ended, rows_.end());
  }

  const CausalLm& model_;
  const GeneratorOptions& options_;
  const RequestSource& source_;
  const ResultVisitor& on_finish_;
  const StepObserver& observer_;
  GenerationTimes* times_;
  BlockPool pool_;
  StepRunner step_;
  std::deque<Waiting> waiting_;
  std::deque<Prefill> prefills_;
  std::deque<Row> rows_;  // the oldest first
  int64_t num_open_ = 0;  // continuations in prefills_ and rows_
  size_t num_requests_ = 0;
  bool exhausted_ = false;  // the source
};

}  // namespace

std::string to_string(FinishReason reason) {
  return reason == FinishReason::stop ? "stop" : "length";
}

void GeneratorOptions::validate() const {
  if (max_batch_size < 1) user_error("--batch-size is ", max_batch_size, ", expected 1 or more");
  if (kv_cache_bytes < 0) user_error("--kv-cache-mib is negative, expected 0 (automatic) or more");
  RETMASK_CHECK(prefill_tokens > 0);
}

Generator::Generator(const CausalLm& model, GeneratorOptions options)
    : model_(model), options_(options) {
  options_.validate();
}

void Generator::run(const RequestSource& source,
                    const ResultVisitor& on_finish,
                    const StepObserver& observer,
                    GenerationTimes* times) {
  const torch::InferenceMode inference;
  Run(model_, options_, source, on_finish, observer, times).run();
}

RequestSource source_of(const std::vector<GenerationRequest>& requests) {
  return [&requests, next = size_t{0}]() mutable -> std::optional<GenerationRequest> {
    if (next == requests.size()) return std::nullopt;
    return requests[next++];
  };
}

}  // namespace retmask
