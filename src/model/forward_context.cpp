#include "forward_context.h"

#include "retmask/base/error.h"
#include "retmask/model/upload.h"
#include "varlen_attention.h"

namespace retmask {
namespace {

torch::Tensor make_positions(const PackedBatch& batch, torch::Device device) {
  std::vector<int64_t> positions;
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    const int64_t past = batch.past.empty() ? 0 : batch.past[s];
    for (int64_t i = 0; i < batch.lengths[s]; ++i) positions.push_back(past + i);
  }
  return upload(positions, device);
}

// [T]: known length of each token's sequence; see RopeSet.
torch::Tensor make_known_lengths(const PackedBatch& batch, torch::Device device) {
  std::vector<int64_t> lengths;
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    const int64_t past = batch.past.empty() ? 0 : batch.past[s];
    const int64_t known = batch.known.empty() ? past + batch.lengths[s] : batch.known[s];
    lengths.insert(lengths.end(), batch.lengths[s], known);
  }
  return upload(lengths, device);
}

torch::Tensor make_token_sequence(const PackedBatch& batch, torch::Device device) {
  std::vector<int64_t> sequence;
  for (size_t s = 0; s < batch.lengths.size(); ++s)
    sequence.insert(sequence.end(), batch.lengths[s], static_cast<int64_t>(s));
  return upload(sequence, device);
}

}  // namespace

ForwardContext make_context(const PackedBatch& batch,
                            const RopeSet& ropes,
                            torch::Device device,
                            torch::ScalarType dtype) {
  const torch::Tensor known =
      ropes.depends_on_length() ? make_known_lengths(batch, device) : torch::Tensor();
  ForwardContext context{.batch = batch,
                         .rotations = ropes.rotations(make_positions(batch, device), known),
                         .varlen = plan_varlen(batch, device, dtype, ropes.head_dim())};
  if (batch.gate != nullptr) context.token_sequence = make_token_sequence(batch, device);
  return context;
}

CacheSlots make_slots(const PackedBatch& batch, torch::Device device) {
  const int64_t block_size = batch.cache->block_size;
  const auto tables = batch.cache->block_tables.accessor<int32_t, 2>();
  std::vector<int64_t> blocks;
  std::vector<int64_t> rows;
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    for (int64_t i = 0; i < batch.lengths[s]; ++i) {
      const int64_t position = batch.past[s] + i;
      blocks.push_back(tables[static_cast<int64_t>(s)][position / block_size]);
      rows.push_back(position % block_size);
    }
  }
  return {.blocks = upload(blocks, device), .rows = upload(rows, device), .batch_rows = {}};
}

LeaderBatch::LeaderBatch(const PackedBatch& batch) {
  RETMASK_CHECK(batch.probe == nullptr && batch.reader == nullptr && batch.cache != nullptr);
  std::vector<int64_t> leaders;  // sequences
  std::vector<int64_t> tokens;   // rows of the whole batch
  std::vector<int64_t> first_row(batch.lengths.size());
  int64_t start = 0;
  for (size_t s = 0; s < batch.lengths.size(); start += batch.lengths[s++]) {
    const auto leader = static_cast<size_t>(batch.leaders[s]);
    if (leader == s) {
      leaders.push_back(static_cast<int64_t>(s));
      first_row[s] = static_cast<int64_t>(tokens.size());
      batch_.lengths.push_back(batch.lengths[s]);
      batch_.past.push_back(batch.past[s]);
      if (!batch.known.empty()) batch_.known.push_back(batch.known[s]);
      for (int64_t i = 0; i < batch.lengths[s]; ++i) tokens.push_back(start + i);
    }
    RETMASK_CHECK(batch.lengths[s] == batch.lengths[leader]);
    for (int64_t i = 0; i < batch.lengths[s]; ++i) row_of_token_.push_back(first_row[leader] + i);
  }
  cache_ = *batch.cache;
  cache_.block_tables = batch.cache->block_tables.index_select(0, torch::tensor(leaders));
  batch_.cache = &cache_;
  batch_.times = batch.times;
  batch_.token_ids = batch.token_ids.index_select(0, upload(tokens, batch.token_ids.device()));
}

}  // namespace retmask
