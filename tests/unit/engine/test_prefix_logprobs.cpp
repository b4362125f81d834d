#include <gtest/gtest.h>

#include "retmask/engine/generator.h"
#include "retmask/engine/prefix_logprobs.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::load_tiny;
using testing::max_difference;

using Sequences = std::vector<std::vector<int64_t>>;

// Questions behind common examples, each with some choices; short and long ones, one equal to
// another, and one that is the prefix of another.
Sequences draw_sequences(uint64_t seed, std::vector<int64_t>& first) {
  RandomStream random(seed, "sequences");
  const auto draw = [&](size_t most) {
    std::vector<int64_t> tokens(1 + random.below(most));
    for (int64_t& token : tokens) token = static_cast<int64_t>(random.below(500));
    return tokens;
  };
  Sequences sequences;
  const auto add = [&](std::vector<int64_t> tokens, size_t context) {
    first.push_back(static_cast<int64_t>(std::max<size_t>(context, 1)));
    sequences.push_back(std::move(tokens));
  };
  const std::vector<int64_t> examples = draw(90);
  for (size_t question = 0; question < 4; ++question) {
    std::vector<int64_t> context = random.below(3) == 0 ? std::vector<int64_t>{} : examples;
    for (const int64_t token : draw(40)) context.push_back(token);
    for (size_t choice = 0; choice < 1 + random.below(4); ++choice) {
      std::vector<int64_t> tokens = context;
      for (const int64_t token : draw(9)) tokens.push_back(token);
      add(std::move(tokens), context.size());
    }
    add(context, 1 + random.below(context.size()));
  }
  add(sequences.front(), 2);
  shuffle(sequences, random);
  for (size_t s = 0; s < sequences.size(); ++s) {
    first[s] = std::min(first[s], static_cast<int64_t>(sequences[s].size()));
  }
  return sequences;
}

TEST(PrefixTree, HoldsEverySequenceAndSharesRuns) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<int64_t> first;
    const Sequences sequences = draw_sequences(seed, first);
    const PrefixTree tree(sequences, /*share=*/true);
    int64_t total = 0;
    for (size_t s = 0; s < sequences.size(); ++s) {
      int64_t end = static_cast<int64_t>(sequences[s].size());
      total += end;
      for (size_t node = tree.leaf(s); node != PrefixTree::kNone;) {
        const PrefixTree::Node& run = tree.nodes()[node];
        ASSERT_EQ(run.end, end);
        ASSERT_LT(run.begin, run.end);
        for (int64_t i = run.begin; i < run.end; ++i) {
          ASSERT_EQ(sequences[run.sequence][static_cast<size_t>(i)],
                    sequences[s][static_cast<size_t>(i)]);
        }
        end = run.begin;
        node = run.parent;
      }
      ASSERT_EQ(end, 0);
    }
    EXPECT_LT(tree.num_tokens(), total);
    EXPECT_EQ(PrefixTree(sequences, /*share=*/false).num_tokens(), total);
  }
}

TEST(PrefixTree, ComputesExamplesAndContextsOnce) {
  Sequences sequences;
  for (int64_t question = 0; question < 3; ++question) {
    for (int64_t choice = 0; choice < 4; ++choice) {
      std::vector<int64_t> tokens(100, 7);  // examples
      tokens.insert(tokens.end(), 20, 10 + question);
      tokens.insert(tokens.end(), 5, 20 + choice);
      sequences.push_back(std::move(tokens));
    }
  }
  const PrefixTree tree(sequences, /*share=*/true);
  EXPECT_EQ(tree.num_tokens(), 100 + 3 * (20 + 4 * 5));
  EXPECT_EQ(tree.num_levels(), 3u);
}

TEST(PrefixLogprobs, EqualThoseOfWholeSequencesToTheLastBit) {
  for (const char* name : {"llama", "qwen3", "olmo3"}) {
    const InferenceLm model{load_tiny(name)};
    for (uint64_t seed = 0; seed < 8; ++seed) {
      std::vector<int64_t> first;
      const Sequences sequences = draw_sequences(seed, first);
      const std::vector<Head> masked =
          seed % 2 == 0 ? std::vector<Head>{} : std::vector<Head>{{1, 2}, {2, 0}};
      const auto shared = prefix_logprobs(model, sequences, first, masked);
      ASSERT_EQ(shared.size(), sequences.size());
      for (size_t s = 0; s < sequences.size(); ++s) {
        const auto alone = prefix_logprobs(model, {sequences[s]}, {first[s]}, masked)[0];
        EXPECT_TRUE(torch::equal(shared[s], alone)) << name << " " << seed << " " << s;
        const torch::InferenceMode inference;
        const auto whole = token_logprobs(model, {sequences[s]}, {first[s]}, masked)[0];
        ASSERT_EQ(shared[s].size(0), whole.size(0));
        if (whole.size(0) == 0) continue;
        EXPECT_LT(max_difference(shared[s], whole), 1e-4);
      }
    }
  }
}

TEST(PrefixLogprobs, EqualLibtorch) {
  const InferenceLm kernels{load_tiny("olmo3")};
  const InferenceLm libtorch = InferenceLm::with_libtorch(load_tiny("olmo3"));
  std::vector<int64_t> first;
  const Sequences sequences = draw_sequences(3, first);
  const auto ours = prefix_logprobs(kernels, sequences, first);
  const auto reference = prefix_logprobs(libtorch, sequences, first);
  for (size_t s = 0; s < sequences.size(); ++s) {
    if (ours[s].size(0) == 0) continue;
    EXPECT_LT(max_difference(ours[s], reference[s]), 1e-4);
  }
}

}  // namespace
}  // namespace retmask
