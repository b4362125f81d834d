#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "retmask/base/memory.h"

namespace retmask {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;

TEST(Memory, ResidentGrowsWithWhatIsWrittenTo) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer keeps freed memory for a while";
#endif
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

TEST(Memory, FormatsBytes) {
  EXPECT_EQ(format_bytes(0), "0 MiB");
  EXPECT_EQ(format_bytes(312 * kMebibyte), "312 MiB");
  EXPECT_EQ(format_bytes(1280 * kMebibyte), "1.25 GiB");
}

}  // namespace
}  // namespace retmask
