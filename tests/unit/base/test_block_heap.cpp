#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "retmask/base/block_heap.h"
#include "retmask/base/memory.h"

namespace retmask {
namespace {

constexpr size_t kBlockMebibyte = size_t{1} << 20;

// The kernel's flags of the mapping around an address, from /proc/self/smaps.
std::string page_flags(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream lines("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    unsigned long begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
      inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(BlockHeap, SaysWhenThereIsNoRoom) {
  BlockHeap heap;
  EXPECT_EQ(heap.allocate(1), nullptr);
  heap.reserve(4 * kBlockMebibyte);
  void* half = heap.allocate(2 * kBlockMebibyte);
  EXPECT_NE(half, nullptr);
  EXPECT_EQ(heap.allocate(2 * kBlockMebibyte + 1), nullptr);
  EXPECT_NE(heap.allocate(2 * kBlockMebibyte), nullptr);
  EXPECT_EQ(heap.allocate(1), nullptr);
  heap.reserve(4 * kBlockMebibyte);
  EXPECT_EQ(heap.allocate(1), nullptr) << "they were there before";
  heap.reserve(8 * kBlockMebibyte);
  EXPECT_NE(heap.allocate(4 * kBlockMebibyte), nullptr);
}

TEST(BlockHeap, KnowsItsOwnBlocks) {
  BlockHeap heap;
  heap.reserve(2 * kBlockMebibyte);
  char other = 0;
  auto* block = static_cast<char*>(heap.allocate(1000));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % BlockHeap::kAlignment, 0U);
  EXPECT_FALSE(heap.release(&other));
  EXPECT_FALSE(heap.release(nullptr));
  EXPECT_FALSE(heap.release(block + BlockHeap::kAlignment)) << "inside of one";
  EXPECT_TRUE(heap.release(block));
  EXPECT_FALSE(heap.release(block)) << "not there any more";
}

TEST(BlockHeap, FreeNeighboursBecomeOneBlock) {
  BlockHeap heap;
  heap.reserve(2 * kBlockMebibyte);
  for (const std::vector<int>& order : {std::vector{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3}}) {
    std::vector<void*> quarters;
    for (int i = 0; i < 4; ++i) quarters.push_back(heap.allocate(kBlockMebibyte / 2));
    for (const int i : order) EXPECT_TRUE(heap.release(quarters[static_cast<size_t>(i)]));
    void* all = heap.allocate(2 * kBlockMebibyte);
    EXPECT_NE(all, nullptr);
    heap.release(all);
  }
}

TEST(BlockHeap, WhatWasReservedApartStaysApart) {
  BlockHeap heap;
  heap.reserve(2 * kBlockMebibyte);
  heap.reserve(4 * kBlockMebibyte);
  void* one = heap.allocate(2 * kBlockMebibyte);
  void* two = heap.allocate(2 * kBlockMebibyte);
  EXPECT_TRUE(heap.release(one));
  EXPECT_TRUE(heap.release(two));
  EXPECT_EQ(heap.allocate(3 * kBlockMebibyte), nullptr);
  EXPECT_NE(heap.allocate(2 * kBlockMebibyte), nullptr);
}

TEST(BlockHeap, TakesTheSmallestThatIsLargeEnough) {
  BlockHeap heap;
  heap.reserve(2 * kBlockMebibyte);
  std::vector<void*> blocks;
  for (const size_t bytes : {256, 64, 128, 64}) blocks.push_back(heap.allocate(bytes));
  heap.release(blocks[0]);
  heap.release(blocks[2]);
  EXPECT_EQ(heap.allocate(100), blocks[2]);
  EXPECT_EQ(heap.allocate(129), blocks[0]);
}

// Fills each block with its own byte value, which no other block may overwrite.
TEST(BlockHeap, BlocksNeverOverlap) {
  struct Block {
    unsigned char* data;
    size_t bytes;
    unsigned char value;
  };
  BlockHeap heap;
  heap.reserve(4 * kBlockMebibyte);
  std::mt19937 random(7);
  std::vector<Block> blocks;
  const auto release_one = [&] {
    std::swap(blocks[random() % blocks.size()], blocks.back());
    const Block block = blocks.back();
    for (size_t i = 0; i < block.bytes; ++i) ASSERT_EQ(block.data[i], block.value);
    ASSERT_TRUE(heap.release(block.data));
    blocks.pop_back();
  };
  for (int step = 0; step < 2000; ++step) {
    const size_t bytes = 1 + random() % (kBlockMebibyte / 4);
    auto* data = static_cast<unsigned char*>(heap.allocate(bytes));
    if (data != nullptr) {
      blocks.push_back({data, bytes, static_cast<unsigned char>(step)});
      std::memset(data, step, bytes);
    }
    if (data == nullptr || random() % 2 == 0) release_one();
  }
  while (!blocks.empty()) release_one();
  EXPECT_NE(heap.allocate(4 * kBlockMebibyte), nullptr) << "all of it is free again";
}

TEST(BlockHeap, FreedBlocksAreTakenAgainFromHugePages) {
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"))
    GTEST_SKIP() << "a kernel without huge pages";
  BlockHeap heap;
  heap.reserve(1024 * kBlockMebibyte);
  const int64_t before = resident_memory();
  for (int i = 0; i < 3; ++i) {
    auto* block = static_cast<char*>(heap.allocate(200 * kBlockMebibyte));
    std::memset(block, 'x', 200 * kBlockMebibyte);
    EXPECT_NE(page_flags(block + 100 * kBlockMebibyte).find(" hg "), std::string::npos);
    EXPECT_TRUE(heap.release(block));
    const int64_t taken = resident_memory() - before;
    EXPECT_NEAR(static_cast<double>(taken), 200.0 * kBlockMebibyte, 8.0 * kBlockMebibyte) << i;
  }
}

}  // namespace
}  // namespace retmask
