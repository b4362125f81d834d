#include "scheduler.h"

#include <algorithm>

#include "retmask/base/error.h"

namespace retmask {
namespace {

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
  if (length > config.max_positions) {
    user_error("prompt ",
               index,
               " has ",
               request.prompt.size(),
               " tokens, which with ",
               request.max_new_tokens,
               " new ones exceeds the model's maximum of ",
               config.max_positions,
               "; shorten it, lower --max-new-tokens or, if the model can, give --max-position");
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
  const auto check_ids = [&](const std::vector<int64_t>& ids) {
    for (const int64_t id : ids) {
      if (0 <= id && id < config.vocab_size) continue;
      user_error("prompt ",
                 index,
                 " has token id ",
                 id,
                 ", but the model's vocab_size is ",
                 config.vocab_size,
                 "; do the tokenizer and the model belong together?");
    }
  };
  check_ids(request.prompt);
  for (const Continuation& continuation : request.continuations) {
    check_heads(continuation.masked_heads, config, "mask");
    check_ids(continuation.forced_tokens);
    RETMASK_CHECK(static_cast<int64_t>(continuation.forced_tokens.size()) <=
                  request.max_new_tokens);
  }
}

// Blocks of one continuation at its full length.
int64_t most_blocks_of(const GenerationRequest& request) {
  return BlockPool::blocks_for(static_cast<int64_t>(request.prompt.size()) +
                               request.max_new_tokens);
}
int64_t most_blocks_of(const Prefill& prefill) {
  return static_cast<int64_t>(prefill.num_continuations()) *
         most_blocks_of(prefill.request->request);
}

void add_continuation(Prefill& prefill, size_t continuation) {
  const auto& heads = prefill.request->request.continuations[continuation].masked_heads;
  for (Prefill::MaskGroup& policy : prefill.policies) {
    if (prefill.masked_heads(policy) != heads) continue;
    policy.continuations.push_back(continuation);
    return;
  }
  prefill.policies.push_back({.continuations = {continuation}, .blocks = {}, .spare = {}});
}

Prefill first_continuations(const Waiting& waiting, int64_t count) {
  Prefill prefill{.request = waiting.request, .policies = {}, .done = 0};
  for (int64_t i = 0; i < count; ++i)
    add_continuation(prefill, waiting.continuations[static_cast<size_t>(i)]);
  return prefill;
}

}  // namespace

Scheduler::Scheduler(const ModelConfig& config,
                     const RequestSource& source,
                     int64_t max_batch_size,
                     const PrefillPolicy& prefill,
                     BlockPool& pool,
                     bool never_evict)
    : config_(config),
      source_(source),
      max_batch_size_(max_batch_size),
      prefill_(prefill),
      pool_(pool),
      never_evict_(never_evict) {}

void Scheduler::admit() {
  while (!waiting_.empty() || pull()) {
    Waiting& next = waiting_.front();
    auto count =
        std::min<int64_t>(static_cast<int64_t>(next.continuations.size()), max_batch_size_);
    if (num_open_ + count > max_batch_size_) return;
    Prefill prefill = first_continuations(next, count);
    if (!has_blocks_for(prefill)) {
      if (num_open_ > 0) return;
      count = 1;  // check_request: there is room for one
      prefill = first_continuations(next, count);
    }
    take_blocks(prefill);
    num_open_ += count;
    prefills_.push_back(std::move(prefill));
    next.continuations.erase(next.continuations.begin(), next.continuations.begin() + count);
    if (next.continuations.empty()) waiting_.pop_front();
  }
}

bool Scheduler::pull() {
  if (exhausted_) return false;
  std::optional<GenerationRequest> request = source_();
  if (!request) {
    exhausted_ = true;
    return false;
  }
  check_request(*request, num_requests_, config_, pool_);
  Waiting waiting;
  for (size_t i = 0; i < request->continuations.size(); ++i) waiting.continuations.push_back(i);
  waiting.request = std::make_shared<const NumberedRequest>(
      NumberedRequest{num_requests_++, std::move(*request)});
  waiting_.push_back(std::move(waiting));
  return true;
}

bool Scheduler::has_blocks_for(const Prefill& prefill) const {
  if (never_evict_) return most_blocks() + most_blocks_of(prefill) <= pool_.num_blocks();
  // Plus one block per running sequence, so that the next step does not evict this prefill.
  const auto prompt_size = static_cast<int64_t>(prefill.prompt().size());
  const int64_t needed =
      static_cast<int64_t>(prefill.policies.size()) * BlockPool::blocks_for(prompt_size) +
      static_cast<int64_t>(prefill.num_continuations());
  return needed + num_open_ <= pool_.num_free();
}

int64_t Scheduler::most_blocks() const {
  int64_t sum = 0;
  for (const Prefill& prefill : prefills_) sum += most_blocks_of(prefill);
  for (const Sequence& sequence : sequences_) sum += most_blocks_of(sequence.request->request);
  return sum;
}

// Takes the blocks of the prompt. If the last one is not full, takes one more for each further
// continuation, which writes to its own copy.
void Scheduler::take_blocks(Prefill& prefill) {
  const auto prompt_size = static_cast<int64_t>(prefill.prompt().size());
  for (Prefill::MaskGroup& policy : prefill.policies) {
    for (int64_t i = 0; i < BlockPool::blocks_for(prompt_size); ++i)
      policy.blocks.push_back(pool_.take());
    if (prompt_size % BlockPool::kBlockSize == 0) continue;
    for (size_t i = 1; i < policy.continuations.size(); ++i) policy.spare.push_back(pool_.take());
  }
}

void Scheduler::free_blocks(const std::vector<int32_t>& blocks) {
  for (const int32_t block : blocks) pool_.release(block);
}

void Scheduler::make_room() {
  for (size_t i = 0; i < sequences_.size(); ++i) {
    Sequence& sequence = sequences_[i];
    if (sequence.past() < static_cast<int64_t>(sequence.blocks.size()) * BlockPool::kBlockSize)
      continue;
    while (pool_.num_free() == 0 && i < sequences_.size()) evict_newest();
    if (i < sequences_.size()) sequence.blocks.push_back(pool_.take());
  }
}

void Scheduler::evict_newest() {
  Waiting waiting;
  if (!prefills_.empty()) {
    const Prefill& newest = prefills_.back();
    waiting.request = newest.request;
    for (const Prefill::MaskGroup& policy : newest.policies) {
      waiting.continuations.insert(
          waiting.continuations.end(), policy.continuations.begin(), policy.continuations.end());
      free_blocks(policy.blocks);
      free_blocks(policy.spare);
    }
    prefills_.pop_back();
  } else {
    const Sequence& newest = sequences_.back();
    waiting.request = newest.request;
    waiting.continuations = {newest.continuation};
    free_blocks(newest.blocks);
    sequences_.pop_back();
  }
  num_open_ -= static_cast<int64_t>(waiting.continuations.size());
  waiting_.push_front(std::move(waiting));
}

bool Scheduler::waits_for_more_prompts() const {
  if (sequences_.empty() || exhausted_) return false;
  int64_t tokens = 0;
  int64_t rows = 0;
  for (const Prefill& prefill : prefills_) {
    if (prefill.done > 0) return false;
    tokens += static_cast<int64_t>(prefill.prompt().size());
    rows += static_cast<int64_t>(prefill.num_continuations());
  }
  return tokens < prefill_.least_tokens && rows < prefill_.least_rows;
}

std::vector<PrefillChunk> Scheduler::next_chunks() {
  std::vector<PrefillChunk> chunks;
  if (waits_for_more_prompts()) return chunks;
  int64_t tokens = 0;
  for (Prefill& prefill : prefills_) {
    const int64_t end = std::min<int64_t>(static_cast<int64_t>(prefill.prompt().size()),
                                          prefill.done + prefill_.chunk_tokens);
    const auto size = (end - prefill.done) * static_cast<int64_t>(prefill.policies.size());
    if (!chunks.empty() && tokens + size > prefill_.step_tokens) break;
    chunks.push_back({&prefill, prefill.done, end});
    tokens += size;
  }
  return chunks;
}

void Scheduler::finish(const PrefillChunk& chunk, const std::function<void()>& on_sequences) {
  chunk.prefill->done = chunk.end;
  if (!chunk.is_last()) return;
  for (const Prefill::MaskGroup& policy : chunk.prefill->policies) {
    for (size_t i = 0; i < policy.continuations.size(); ++i)
      sequences_.push_back(make_sequence(*chunk.prefill, policy, i));
    on_sequences();
  }
}

void Scheduler::drop_finished_prefills() {
  std::erase_if(prefills_, [](const Prefill& prefill) {
    return prefill.done == static_cast<int64_t>(prefill.prompt().size());
  });
}

// The first continuation of a policy takes over the prompt's blocks; the others share the full
// ones.
Sequence Scheduler::make_sequence(const Prefill& prefill,
                                  const Prefill::MaskGroup& policy,
                                  size_t i) {
  Sequence sequence{.request = prefill.request, .continuation = policy.continuations[i]};
  sequence.number = num_sequences_++;
  sequence.random = prefill.request->request.continuations[sequence.continuation].random;
  sequence.blocks = policy.blocks;
  if (i == 0) return sequence;
  const auto full = prefill.prompt().size() / static_cast<size_t>(BlockPool::kBlockSize);
  sequence.blocks.resize(full);
  for (const int32_t block : sequence.blocks) pool_.retain(block);
  if (full < policy.blocks.size()) {
    sequence.blocks.push_back(policy.spare[i - 1]);
    pool_.copy(policy.blocks.back(), sequence.blocks.back());
  }
  return sequence;
}

void Scheduler::retire(const std::function<bool(Sequence&)>& is_finished,
                       const std::function<void(const Sequence&)>& on_finish) {
  const auto ended =
      std::stable_partition(sequences_.begin(), sequences_.end(), [&](Sequence& sequence) {
        return !is_finished(sequence);
      });
  for (auto sequence = ended; sequence != sequences_.end(); ++sequence) {
    free_blocks(sequence->blocks);
    --num_open_;
    on_finish(*sequence);
  }
  sequences_.erase(ended, sequences_.end());
}

}  // namespace retmask
