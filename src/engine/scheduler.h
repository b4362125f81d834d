#pragma once
// Admits continuations while there is room in the batch and the cache, and retires them.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "block_pool.h"
#include "cache_size.h"
#include "running.h"

namespace retmask {

struct SchedulerOptions {
  int64_t max_batch_size = 1;
  PrefillPolicy prefill = {};
  // A continuation that has started is never sent back to the queue, so fewer may run at once.
  bool never_evict = false;
  bool prefix_cache = false;  // as in GeneratorOptions
};

class Scheduler {
 public:
  Scheduler(const ModelConfig& config,
            const RequestSource& source,
            const SchedulerOptions& options,
            BlockPool& pool);

  // Starts continuations while there is room. Throws UserError for a request that can never run.
  void admit();
  bool is_idle() const { return sequences_.empty() && prefills_.empty(); }

  // Gives each sequence a block for its next token. When blocks run out, the newest continuations
  // go back to the queue and restart later, with the same text.
  void make_room();

  // The next prefill chunks, oldest prompt first. None while sequences decode and more prompts are
  // worth waiting for.
  std::vector<PrefillChunk> next_chunks();
  // Marks the chunk as done. After the last chunk of a prompt the continuations of each policy
  // become sequences; `on_sequences` is called after those of each policy.
  void finish(const PrefillChunk& chunk, const std::function<void()>& on_sequences);
  // Drops prompts whose prefill is complete; their chunks are no longer valid.
  void drop_finished_prefills();

  // Removes sequences for which `is_finished` returns true; `on_finish` is called for each.
  void retire(const std::function<bool(Sequence& sequence)>& is_finished,
              const std::function<void(const Sequence& sequence)>& on_finish);

  // Oldest first.
  std::deque<Sequence>& sequences() { return sequences_; }
  // Prompt tokens of all admitted prompts that were in the cache; each counts once, whatever the
  // number of policies.
  int64_t reused_tokens() const { return reused_tokens_; }

 private:
  bool pull();
  bool waits_for_more_prompts() const;
  uint64_t policy_of(const Prefill& prefill, const Prefill::MaskGroup& group);
  void find_prefix(Prefill& prefill);
  bool waits_for_prefix(const Prefill& prefill, const std::vector<PrefillChunk>& chunks) const;
  bool has_blocks_for(const Prefill& prefill) const;
  int64_t most_blocks() const;
  void take_blocks(Prefill& prefill);
  void free_blocks(const std::vector<int32_t>& blocks);
  void evict_newest();
  Sequence make_sequence(const Prefill& prefill, const Prefill::MaskGroup& policy, size_t i);

  const ModelConfig& config_;
  const RequestSource& source_;
  const SchedulerOptions options_;
  BlockPool& pool_;
  std::deque<Waiting> waiting_;
  std::deque<Prefill> prefills_;
  std::deque<Sequence> sequences_;
  int64_t num_open_ = 0;  // continuations in prefills_ and sequences_
  size_t num_requests_ = 0;
  uint64_t num_sequences_ = 0;  // started so far
  bool exhausted_ = false;      // the source
  int64_t reused_tokens_ = 0;
  std::map<HeadMask, uint64_t> policies_;  // by their masked heads; ids for PrefixCache
};

}  // namespace retmask
