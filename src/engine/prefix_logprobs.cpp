#include "retmask/engine/prefix_logprobs.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "block_pool.h"
#include "cache_size.h"
#include "retmask/base/error.h"
#include "retmask/model/upload.h"

namespace retmask {
namespace {

// A node costs the copy of a cache block per child and a place in a further forward pass, about as
// much as some tens of tokens.
constexpr int64_t kLeastTokensSaved = 32;

int64_t length_of(const std::vector<int64_t>& sequence) {
  return static_cast<int64_t>(sequence.size());
}

int64_t common_length(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

// The tree with the model's results for it.
class TreeForward {
 public:
  TreeForward(const InferenceLm& model,
              const std::vector<std::vector<int64_t>>& sequences,
              const std::vector<int64_t>& first,
              const HeadMask& masked_heads)
      : model_(model),
        sequences_(sequences),
        masked_heads_(masked_heads),
        tree_(sequences, can_share_prefixes(model.config())),
        states_(tree_.nodes().size()),
        pool_(model.config(),
              torch::TensorOptions(model.dtype()).device(model.device()),
              count_blocks(),
              /*reserve=*/false) {
    for (size_t node = 0; node < states_.size(); ++node) {
      states_[node].scored_from = tree_.nodes()[node].end;
    }
    for (size_t s = 0; s < sequences.size(); ++s) {
      for (size_t node = tree_.leaf(s); node != PrefixTree::kNone; node = parent(node)) {
        const int64_t from = std::max(first[s], tree_.nodes()[node].begin);
        states_[node].scored_from = std::min(states_[node].scored_from, from);
      }
    }
  }

  void run() {
    for (size_t level = 0; level < tree_.num_levels(); ++level) run_level(level);
  }

  // [length - first]
  torch::Tensor logprobs(size_t sequence, int64_t first) const {
    std::vector<torch::Tensor> parts;  // from the leaf to the root
    for (size_t node = tree_.leaf(sequence); node != PrefixTree::kNone; node = parent(node)) {
      const int64_t from = std::max(first, tree_.nodes()[node].begin);
      if (from >= tree_.nodes()[node].end) break;
      parts.push_back(states_[node].logprobs.slice(0, from - states_[node].scored_from));
    }
    if (parts.empty()) return torch::empty({0}, torch::kFloat32);
    std::reverse(parts.begin(), parts.end());
    return torch::cat(parts);
  }

 private:
  struct State {
    std::vector<int32_t> blocks;  // of all tokens up to the node's end
    int64_t scored_from = 0;      // the first token whose log-prob some sequence wants
    torch::Tensor last_hidden;    // [hidden_size]: predicts the first tokens of the children
    torch::Tensor logprobs;       // [end - scored_from] float32, CPU
  };

  size_t parent(size_t node) const { return tree_.nodes()[node].parent; }

  int64_t count_blocks() const {
    int64_t blocks = 0;
    for (const PrefixTree::Node& node : tree_.nodes()) {
      blocks += BlockPool::blocks_for(node.end) - node.begin / BlockPool::kBlockSize;
    }
    return blocks;
  }

  // Full blocks of the parent are shared, its partial block is copied.
  void take_blocks(size_t node) {
    const PrefixTree::Node& run = tree_.nodes()[node];
    std::vector<int32_t>& blocks = states_[node].blocks;
    const int64_t full = run.begin / BlockPool::kBlockSize;
    if (run.begin > 0) {
      const std::vector<int32_t>& above = states_[run.parent].blocks;
      blocks.assign(above.begin(), above.begin() + full);
    }
    while (static_cast<int64_t>(blocks.size()) < BlockPool::blocks_for(run.end)) {
      blocks.push_back(pool_.take());
    }
    if (run.begin % BlockPool::kBlockSize != 0) {
      pool_.copy(states_[run.parent].blocks[static_cast<size_t>(full)],
                 blocks[static_cast<size_t>(full)]);
    }
  }

  void run_level(size_t level) {
    std::vector<size_t> nodes;
    PackedBatch batch;
    std::vector<int64_t> tokens;
    size_t most_blocks = 1;
    for (size_t node = 0; node < tree_.nodes().size(); ++node) {
      const PrefixTree::Node& run = tree_.nodes()[node];
      if (run.level != level) continue;
      take_blocks(node);
      nodes.push_back(node);
      const auto begin = sequences_[run.sequence].begin();
      tokens.insert(tokens.end(), begin + run.begin, begin + run.end);
      batch.lengths.push_back(run.end - run.begin);
      batch.past.push_back(run.begin);
      most_blocks = std::max(most_blocks, states_[node].blocks.size());
    }
    batch.token_ids = upload(tokens, model_.device());
    const auto count = static_cast<int64_t>(nodes.size());
    const KeyValueBlocks cache{
        .layers = &pool_.layers(),
        .block_tables = torch::zeros({count, static_cast<int64_t>(most_blocks)}, torch::kInt32),
        .block_size = BlockPool::kBlockSize};
    auto* table = cache.block_tables.data_ptr<int32_t>();
    for (const size_t node : nodes) {
      std::copy(states_[node].blocks.begin(), states_[node].blocks.end(), table);
      table += most_blocks;
    }
    batch.cache = &cache;
    std::optional<HeadGate> gate;
    if (!masked_heads_.empty()) {
      gate.emplace(model_.config(),
                   std::vector<HeadMask>(nodes.size(), masked_heads_),
                   torch::TensorOptions(model_.dtype()).device(model_.device()));
      batch.gate = &*gate;
    }
    score(nodes, model_.forward(batch));
  }

  // hidden [T, hidden_size] of the nodes of one level, one after the other.
  void score(const std::vector<size_t>& nodes, const torch::Tensor& hidden) {
    std::vector<torch::Tensor> predictors;  // hidden states, [n, hidden_size] each
    std::vector<int64_t> targets;
    std::vector<int64_t> counts;
    int64_t row = 0;  // of the node's first token
    for (const size_t node : nodes) {
      const PrefixTree::Node& run = tree_.nodes()[node];
      const int64_t from = states_[node].scored_from;
      counts.push_back(run.end - from);
      if (from < run.end && from == run.begin) {
        predictors.push_back(states_[run.parent].last_hidden.unsqueeze(0));
      }
      const int64_t after = std::max(from, run.begin + 1);  // predicted by a token of this node
      if (after < run.end) {
        predictors.push_back(
            hidden.slice(0, row + after - 1 - run.begin, row + run.end - 1 - run.begin));
      }
      for (int64_t i = from; i < run.end; ++i) {
        targets.push_back(sequences_[run.sequence][static_cast<size_t>(i)]);
      }
      row += run.end - run.begin;
      states_[node].last_hidden = hidden[row - 1].clone();
    }
    if (targets.empty()) return;
    const std::vector<torch::Tensor> parts =
        model_.target_logprobs(torch::cat(predictors), upload(targets, model_.device()))
            .to(torch::kCPU)
            .split_with_sizes(counts);
    for (size_t i = 0; i < nodes.size(); ++i) states_[nodes[i]].logprobs = parts[i];
  }

  const InferenceLm& model_;
  const std::vector<std::vector<int64_t>>& sequences_;
  const HeadMask& masked_heads_;
  const PrefixTree tree_;
  std::vector<State> states_;  // of each node
  BlockPool pool_;
};

}  // namespace

PrefixTree::PrefixTree(const std::vector<std::vector<int64_t>>& sequences, bool share)
    : sequences_(sequences), leaves_(sequences.size(), kNone) {
  std::vector<size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (!share) {
    for (const size_t s : order) leaves_[s] = add(kNone, s, 0, length_of(sequences[s]));
    return;
  }
  std::stable_sort(
      order.begin(), order.end(), [&](size_t a, size_t b) { return sequences[a] < sequences[b]; });
  grow(order, /*depth=*/0, kNone);
}

size_t PrefixTree::add(size_t parent, size_t sequence, int64_t begin, int64_t end) {
  RETMASK_CHECK(begin < end);
  nodes_.push_back({.parent = parent,
                    .sequence = sequence,
                    .begin = begin,
                    .end = end,
                    .level = parent == kNone ? 0 : nodes_[parent].level + 1});
  return nodes_.size() - 1;
}

// `group`: sequences in lexicographic order that are equal up to `depth`, where `parent` ends.
void PrefixTree::grow(std::span<const size_t> group, int64_t depth, size_t parent) {
  while (!group.empty()) {
    const std::vector<int64_t>& head = sequences_[group.front()];
    if (length_of(head) == depth) {
      leaves_[group.front()] = parent;
      group = group.subspan(1);
      continue;
    }
    // The first sequence and those after it for which a shared run saves the most tokens.
    size_t members = 1;
    int64_t end = length_of(head);
    int64_t most_saved = 0;
    int64_t shared = end;
    for (size_t count = 2; count <= group.size(); ++count) {
      shared = std::min(shared, common_length(head, sequences_[group[count - 1]]));
      if (shared == depth) break;
      const int64_t saved = static_cast<int64_t>(count - 1) * (shared - depth);
      if (saved >= std::max(most_saved, kLeastTokensSaved)) {
        members = count;
        end = shared;
        most_saved = saved;
      }
    }
    const size_t node = add(parent, group.front(), depth, end);
    if (members == 1) {
      leaves_[group.front()] = node;
    } else {
      grow(group.first(members), end, node);
    }
    group = group.subspan(members);
  }
}

size_t PrefixTree::num_levels() const {
  size_t levels = 0;
  for (const Node& node : nodes_) levels = std::max(levels, node.level + 1);
  return levels;
}

int64_t PrefixTree::num_tokens() const {
  int64_t tokens = 0;
  for (const Node& node : nodes_) tokens += node.end - node.begin;
  return tokens;
}

std::vector<torch::Tensor> prefix_logprobs(const InferenceLm& model,
                                           const std::vector<std::vector<int64_t>>& sequences,
                                           const std::vector<int64_t>& first,
                                           const HeadMask& masked_heads) {
  RETMASK_CHECK(first.size() == sequences.size());
  for (size_t s = 0; s < sequences.size(); ++s) {
    RETMASK_CHECK(1 <= first[s] && first[s] <= length_of(sequences[s]), first[s]);
  }
  const torch::InferenceMode inference;
  TreeForward forward(model, sequences, first, masked_heads);
  forward.run();
  std::vector<torch::Tensor> logprobs;
  for (size_t s = 0; s < sequences.size(); ++s) logprobs.push_back(forward.logprobs(s, first[s]));
  return logprobs;
}

}  // namespace retmask
