#include "model_runner.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/model/upload.h"

namespace retmask {

// Assembles a batch sequence by sequence.
class ModelRunner::Builder {
 public:
  explicit Builder(int64_t num_layers) { batch.first_difference = num_layers; }

  // `leader`: the sequence that has the same prompt under another policy, nullopt for the first.
  // Returns the sequence's index.
  int64_t add(const int64_t* tokens,
              int64_t length,
              int64_t past,
              const std::vector<int32_t>& blocks,
              const HeadMask& masked_heads,
              std::optional<int64_t> leader = std::nullopt) {
    tokens_.insert(tokens_.end(), tokens, tokens + length);
    batch.lengths.push_back(length);
    batch.past.push_back(past);
    tables_.push_back(&blocks);
    masks.push_back(masked_heads);
    for (const Head& head : masked_heads)
      batch.first_difference = std::min(batch.first_difference, head.layer);
    const auto sequence = static_cast<int64_t>(tables_.size()) - 1;
    batch.leaders.push_back(leader.value_or(sequence));
    any_follower_ = any_follower_ || leader.has_value();
    return sequence;
  }
  // Requests logits for the last sequence's next token.
  void want_logits() {
    last_rows.push_back(static_cast<int64_t>(tokens_.size()) - 1);
    wanted.push_back(static_cast<int64_t>(tables_.size()) - 1);
  }

  // Completes `batch`. The builder must outlive its use.
  void finish(const BlockPool& pool,
              torch::Device device,
              AttentionProbe* probe,
              const AttentionReader* reader) {
    batch.probe = probe;
    batch.reader = reader;
    if (!any_follower_ || probe != nullptr || reader != nullptr) batch.leaders.clear();
    batch.token_ids = upload(tokens_, device);
    size_t longest = 1;
    for (const auto* table : tables_) longest = std::max(longest, table->size());
    cache_.block_tables = torch::zeros(
        {static_cast<int64_t>(tables_.size()), static_cast<int64_t>(longest)}, torch::kInt32);
    auto* row = cache_.block_tables.data_ptr<int32_t>();
    for (const auto* table : tables_) {
      std::copy(table->begin(), table->end(), row);
      row += longest;
    }
    cache_.layers = &pool.layers();
    cache_.block_size = BlockPool::kBlockSize;
    batch.cache = &cache_;
  }

  PackedBatch batch;
  std::vector<HeadMask> masks;     // of each sequence
  std::vector<int64_t> last_rows;  // rows of the batch whose logits are wanted
  std::vector<int64_t> wanted;     // and their sequences

 private:
  std::vector<int64_t> tokens_;
  std::vector<const std::vector<int32_t>*> tables_;
  KeyValueBlocks cache_;
  bool any_follower_ = false;
};

const HeadGate* ModelRunner::gate(std::vector<HeadMask> masks) {
  if (std::all_of(masks.begin(), masks.end(), [](const HeadMask& mask) { return mask.empty(); }))
    return nullptr;
  if (!gate_ || masks != masks_) {
    masks_ = std::move(masks);
    gate_.emplace(
        model_.config(), masks_, torch::TensorOptions(model_.dtype()).device(model_.device()));
  }
  return &*gate_;
}

ModelRunner::Result ModelRunner::run(const std::deque<Sequence>& sequences,
                                     const std::vector<PrefillChunk>& chunks,
                                     bool probe,
                                     GenerationTimes* times,
                                     const RowVisitor* on_rows) {
  Builder builder(model_.config().num_hidden_layers());
  AttentionReader reader;
  std::vector<std::pair<size_t, size_t>> owners;  // request and continuation of each sequence
  const auto add_rows = [&](const NumberedRequest& request, size_t continuation) {
    reader.rows.push_back(request.request.visited_rows);
    owners.emplace_back(request.index, continuation);
  };
  for (const Sequence& sequence : sequences) {
    builder.add(&sequence.result.tokens.back(),
                1,
                sequence.past(),
                sequence.blocks,
                sequence.masked_heads());
    builder.batch.known.push_back(sequence.past() + 1);
    add_rows(*sequence.request, sequence.continuation);
    builder.want_logits();
  }
  for (const PrefillChunk& chunk : chunks) {
    const Prefill& prefill = *chunk.prefill;
    std::optional<int64_t> leader;
    for (const Prefill::MaskGroup& policy : prefill.policies) {
      const int64_t sequence = builder.add(prefill.prompt().data() + chunk.begin,
                                           chunk.end - chunk.begin,
                                           chunk.begin,
                                           policy.blocks,
                                           prefill.masked_heads(policy),
                                           leader);
      builder.batch.known.push_back(static_cast<int64_t>(prefill.prompt().size()));
      add_rows(*prefill.request, policy.continuations.front());
      if (!leader) leader = sequence;
      if (chunk.is_last()) builder.want_logits();
    }
  }
  AttentionProbe attention_probe(builder.wanted);
  if (on_rows != nullptr) {
    reader.read = [&](size_t sequence, const AttentionRows& rows) {
      (*on_rows)(owners[sequence].first, owners[sequence].second, rows);
    };
  }
  builder.finish(pool_,
                 model_.device(),
                 probe ? &attention_probe : nullptr,
                 on_rows != nullptr ? &reader : nullptr);
  PackedBatch& batch = builder.batch;
  if (times != nullptr) batch.times = &times->forward;
  batch.gate = gate(std::move(builder.masks));

  const torch::Tensor hidden = model_.forward(batch);
  const auto select = [](const torch::Tensor& from, const std::vector<int64_t>& rows_wanted) {
    return from.index_select(0, upload(rows_wanted, from.device()));
  };
  Result result;
  if (!builder.last_rows.empty()) {
    const ScopedTimer timer(times != nullptr ? &times->logits : nullptr);
    result.logits = model_.logits(select(hidden, builder.last_rows));
    if (probe) result.largest_keys = select(attention_probe.largest_keys(), builder.wanted);
  }
  return result;
}

}  // namespace retmask
