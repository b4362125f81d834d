#pragma once
// Which continuations run: lets them join while there are sequences and blocks for them, and leave.

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "block_pool.h"
#include "running.h"

namespace retmask {

// Prompts are read in chunks that begin at multiples of this: the same ones in every batch.
inline constexpr int64_t kPrefillChunkTokens = 512;

class Scheduler {
 public:
  // `never_evict`: a continuation that has begun is never sent back to the queue, so fewer may run.
  Scheduler(const ModelConfig& config,
            const RequestSource& source,
            const GeneratorOptions& options,
            BlockPool& pool,
            bool never_evict);

  // Lets continuations begin. Throws UserError for a request that cannot be answered.
  void admit();
  bool is_idle() const { return sequences_.empty() && prefills_.empty(); }

  // A block for each sequence's next token. Without enough of them the newest go back to the queue,
  // to begin anew: their texts will be the same.
  void make_room();

  // The next chunks of the prompts that are being read, the oldest first.
  std::vector<PrefillChunk> next_chunks();
  // The chunk has been read. Where it was its prompt's last, each policy's continuations become
  // sequences; `on_sequences` is called after those of each policy.
  void finish(const PrefillChunk& chunk, const std::function<void()>& on_sequences);
  // Forgets the prompts that have been read to their end; chunks of them are no longer valid.
  void drop_finished_prefills();

  // Rows for which `is_finished` says so leave; `on_finish` sees each.
  void retire(const std::function<bool(Sequence& sequence)>& is_finished,
              const std::function<void(const Sequence& sequence)>& on_finish);

  // The oldest first.
  std::deque<Sequence>& sequences() { return sequences_; }

 private:
  bool pull();
  bool has_blocks_for(const Prefill& prefill) const;
  int64_t most_blocks() const;
  void take_blocks(Prefill& prefill);
  void free_blocks(const std::vector<int32_t>& blocks);
  void evict_newest();
  Sequence make_sequence(const Prefill& prefill, const Prefill::MaskGroup& policy, size_t i);

  const ModelConfig& config_;
  const RequestSource& source_;
  const GeneratorOptions& options_;
  BlockPool& pool_;
  const bool never_evict_;
  std::deque<Waiting> waiting_;
  std::deque<Prefill> prefills_;
  std::deque<Sequence> sequences_;
  int64_t num_open_ = 0;  // continuations in prefills_ and sequences_
  size_t num_requests_ = 0;
  uint64_t num_sequences_ = 0;  // that have begun
  bool exhausted_ = false;      // the source
};

}  // namespace retmask
