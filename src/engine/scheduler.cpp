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
    check_heads(continuation.masked_heads.heads(), config, "mask");
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
                     const SchedulerOptions& options,
                     BlockPool& pool)
    : config_(config), source_(source), options_(options), pool_(pool) {}

void Scheduler::admit() {
  while (!waiting_.empty() || pull()) {
    Waiting& next = waiting_.front();
    auto count =
        std::min<int64_t>(static_cast<int64_t>(next.continuations.size()), options_.max_batch_size);
    if (num_open_ + count > options_.max_batch_size) return;
    Prefill prefill = first_continuations(next, count);
    find_prefix(prefill);
    if (!has_blocks_for(prefill)) {
      if (num_open_ > 0) return;
      count = 1;  // check_request: there is room for one
      prefill = first_continuations(next, count);
      find_prefix(prefill);
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

uint64_t Scheduler::policy_of(const Prefill& prefill, const Prefill::MaskGroup& group) {
  const auto [policy, is_new] =
      policies_.try_emplace(prefill.masked_heads(group), policies_.size());
  RETMASK_CHECK(policy->second < PrefixCache::kMostPolicies);
  return policy->second;
}

// Gives each policy the blocks that the pool already has for the prompt's beginning, the same
// number to all, since they read the prompt together. The last token is always computed: its logits
// choose the first new one. So are tokens whose rows are visited.
void Scheduler::find_prefix(Prefill& prefill) {
  if (!options_.prefix_cache) return;
  auto most = static_cast<int64_t>(prefill.prompt().size()) - 1;
  const RowRange& visited = prefill.request->request.visited_rows;
  if (visited.begin < visited.end) most = std::min(most, visited.begin);
  auto common = static_cast<size_t>(most / BlockPool::kBlockSize);
  for (Prefill::MaskGroup& group : prefill.policies) {
    group.blocks = pool_.prefixes().find(policy_of(prefill, group), prefill.prompt(), common);
    common = group.blocks.size();
  }
  for (Prefill::MaskGroup& group : prefill.policies) group.blocks.resize(common);
  prefill.reused = static_cast<int64_t>(common) * BlockPool::kBlockSize;
  prefill.done = prefill.reused;
}

bool Scheduler::has_blocks_for(const Prefill& prefill) const {
  if (options_.never_evict) return most_blocks() + most_blocks_of(prefill) <= pool_.num_blocks();
  // Plus one block per running sequence, so that the next step does not evict this prefill.
  const auto prompt_size = static_cast<int64_t>(prefill.prompt().size());
  int64_t needed =
      static_cast<int64_t>(prefill.policies.size()) * BlockPool::blocks_for(prompt_size) +
      static_cast<int64_t>(prefill.num_continuations());
  for (const Prefill::MaskGroup& group : prefill.policies)
    needed -=
        std::ranges::count_if(group.blocks, [&](int32_t block) { return pool_.is_used(block); });
  return needed + num_open_ <= pool_.num_free();
}

int64_t Scheduler::most_blocks() const {
  int64_t sum = 0;
  for (const Prefill& prefill : prefills_) sum += most_blocks_of(prefill);
  for (const Sequence& sequence : sequences_) sum += most_blocks_of(sequence.request->request);
  return sum;
}

// Takes the blocks of the prompt that find_prefix has not found. If the last one is not full, takes
// one more for each further continuation, which writes to its own copy.
void Scheduler::take_blocks(Prefill& prefill) {
  const auto prompt_size = static_cast<int64_t>(prefill.prompt().size());
  // Before any block is taken, which may be one of those.
  for (const Prefill::MaskGroup& policy : prefill.policies)
    for (const int32_t block : policy.blocks) pool_.retain(block);
  for (Prefill::MaskGroup& policy : prefill.policies) {
    while (static_cast<int64_t>(policy.blocks.size()) < BlockPool::blocks_for(prompt_size))
      policy.blocks.push_back(pool_.take());
    if (options_.prefix_cache)
      pool_.prefixes().add(policy_of(prefill, policy), prefill.prompt(), policy.blocks);
    if (prompt_size % BlockPool::kBlockSize == 0) continue;
    for (size_t i = 1; i < policy.continuations.size(); ++i) policy.spare.push_back(pool_.take());
  }
  reused_tokens_ += prefill.reused;
}

void Scheduler::free_blocks(const std::vector<int32_t>& blocks) {
  for (size_t i = blocks.size(); i-- > 0;) pool_.release(blocks[i]);
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
      // Nobody else waits for what was not computed: that would be a newer prompt.
      for (size_t i = static_cast<size_t>(newest.done / BlockPool::kBlockSize);
           i < policy.blocks.size();
           ++i)
        pool_.prefixes().forget(policy.blocks[i]);
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
    if (prefill.done > prefill.reused) return false;
    tokens += static_cast<int64_t>(prefill.prompt().size()) - prefill.done;
    rows += static_cast<int64_t>(prefill.num_continuations());
  }
  return tokens < options_.prefill.least_tokens && rows < options_.prefill.least_rows;
}

// Whether the prompt begins with blocks that another one, which is older, has not computed by the
// end of these chunks. A layer stores all keys and values of a step before any query reads them.
bool Scheduler::waits_for_prefix(const Prefill& prefill,
                                 const std::vector<PrefillChunk>& chunks) const {
  if (prefill.reused == 0 || prefill.done > prefill.reused) return false;
  // The last one: its owner read the ones before it first.
  const auto last = static_cast<size_t>(prefill.reused / BlockPool::kBlockSize - 1);
  const auto waits_for = [&](const Prefill& older, const Prefill::MaskGroup& group) {
    if (older.reused >= prefill.reused || last >= group.blocks.size()) return false;
    const int32_t block = group.blocks[last];
    const auto is_it = [&](const Prefill::MaskGroup& own) { return own.blocks[last] == block; };
    if (std::ranges::none_of(prefill.policies, is_it)) return false;
    const auto chunk = std::ranges::find(chunks, &older, &PrefillChunk::prefill);
    return (chunk == chunks.end() ? older.done : chunk->end) < prefill.reused;
  };
  for (const Prefill& older : prefills_) {
    if (&older == &prefill) break;
    for (const Prefill::MaskGroup& group : older.policies)
      if (waits_for(older, group)) return true;
  }
  return false;
}

std::vector<PrefillChunk> Scheduler::next_chunks() {
  std::vector<PrefillChunk> chunks;
  if (waits_for_more_prompts()) return chunks;
  int64_t tokens = 0;
  int64_t keys = 0;
  for (Prefill& prefill : prefills_) {
    if (waits_for_prefix(prefill, chunks)) continue;
    const int64_t end = std::min<int64_t>(static_cast<int64_t>(prefill.prompt().size()),
                                          prefill.done + options_.prefill.chunk_tokens);
    const auto copies = static_cast<int64_t>(prefill.policies.size());
    tokens += (end - prefill.done) * copies;
    keys += end * copies;
    const bool is_too_much = tokens > options_.prefill.step_tokens ||
                             (options_.prefill.step_keys > 0 && keys > options_.prefill.step_keys);
    if (!chunks.empty() && is_too_much) break;
    chunks.push_back({&prefill, prefill.done, end});
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
