// Compares the two merge implementations with each other and with merging as described in the
// paper.

#include <gtest/gtest.h>

#include <limits>

#include "merger.h"
#include "retmask/base/random.h"

namespace retmask::text {
namespace {

using Symbols = std::vector<int32_t>;

// Merges one pair at a time, scanning all pairs each time.
void merge_slowly(const MergeTable& merges, Symbols& symbols) {
  while (true) {
    Merge best{std::numeric_limits<uint32_t>::max(), -1};
    size_t place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Merge* merge = merges.find(symbols[i], symbols[i + 1]);
      if (merge != nullptr && merge->rank < best.rank) {
        best = *merge;
        place = i;
      }
    }
    if (best.id < 0) return;
    symbols[place] = best.id;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

// Random merges over an alphabet of four; each creates a new token from two existing ones.
MergeTable random_merges(RandomStream& random, int32_t count) {
  MergeTable merges(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    const int32_t tokens = 4 + i;
    const auto pick = [&] {
      return static_cast<int32_t>(random.below(static_cast<uint64_t>(tokens)));
    };
    merges.add(pick(), pick(), {static_cast<uint32_t>(i), tokens});
  }
  return merges;
}

TEST(Merger, BothWaysDoWhatThePaperSays) {
  RandomStream random(1, "merger");
  Merger merger;
  for (int round = 0; round < 300; ++round) {
    const MergeTable merges = random_merges(random, 60);
    Symbols symbols(random.below(120));
    for (int32_t& symbol : symbols) symbol = static_cast<int32_t>(random.below(4));
    Symbols slow = symbols;
    Symbols scanned = symbols;
    Symbols queued = symbols;
    merge_slowly(merges, slow);
    merger.merge_by_scan(merges, scanned);
    merger.merge_by_queue(merges, queued);
    merger.merge(merges, symbols);
    EXPECT_EQ(scanned, slow);
    EXPECT_EQ(queued, slow);
    EXPECT_EQ(symbols, slow);
  }
}

TEST(Merger, EqualPairsMergeFromTheLeft) {
  MergeTable merges(1);
  merges.add(0, 0, {0, 1});
  Merger merger;
  for (const auto merge : {&Merger::merge_by_scan, &Merger::merge_by_queue}) {
    Symbols symbols{0, 0, 0, 0, 0};
    (merger.*merge)(merges, symbols);
    EXPECT_EQ(symbols, (Symbols{1, 1, 0}));
  }
}

TEST(MergeTable, TheLastOfEqualPairsHolds) {
  MergeTable merges(2);
  merges.add(1, 2, {0, 3});
  merges.add(1, 2, {5, 4});
  ASSERT_NE(merges.find(1, 2), nullptr);
  EXPECT_EQ(merges.find(1, 2)->rank, 5U);
  EXPECT_EQ(merges.find(2, 1), nullptr);
}

}  // namespace
}  // namespace retmask::text
