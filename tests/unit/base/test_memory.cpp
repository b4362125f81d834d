#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "retmask/base/memory.h"

namespace retmask {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;

TEST(Memory, ResidentGrowsWithWhatIsWrittenTo) {
  const int64_t before = resident_memory();
  ASSERT_GT(before, 0);
  {
    const std::vector<char> block(200 * kMebibyte, 'x');
    EXPECT_NEAR(static_cast<double>(resident_memory() - before), 200.0 * kMebibyte, 8 * kMebibyte);
    EXPECT_EQ(block.back(), 'x');
  }
  EXPECT_LT(resident_memory(), before + 50 * kMebibyte);
  EXPECT_GE(peak_resident_memory(), before + 190 * kMebibyte);
}

TEST(Memory, AvailableIsAPartOfTheMachines) {
  const int64_t all = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  EXPECT_GT(available_memory(), 0);
  EXPECT_LE(available_memory(), all);
}

// The kernel's flags of the pages around an address: /proc/self/smaps.
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

// In a process of its own: the C library cannot be told the contrary.
TEST(Memory, FreedBlocksAreTakenAgainFromHugePages) {
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"))
    GTEST_SKIP() << "a kernel without huge pages";
  const auto take_and_free = [] {
    keep_freed_memory(1024 * kMebibyte);
    const int64_t before = resident_memory();
    for (int i = 0; i < 2; ++i) {
      const std::vector<char> block(200 * kMebibyte, 'x');
      const std::string flags = page_flags(block.data() + block.size() / 2);
      if (flags.find(" hg ") == std::string::npos) std::exit(1);
    }
    std::exit(resident_memory() > before + 190 * kMebibyte ? 0 : 2);
  };
  EXPECT_EXIT(take_and_free(), ::testing::ExitedWithCode(0), "");
}

TEST(Memory, FormatsBytes) {
  EXPECT_EQ(format_bytes(0), "0 MiB");
  EXPECT_EQ(format_bytes(312 * kMebibyte), "312 MiB");
  EXPECT_EQ(format_bytes(1280 * kMebibyte), "1.25 GiB");
}

}  // namespace
}  // namespace retmask
