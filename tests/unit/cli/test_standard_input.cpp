#include <gtest/gtest.h>
#include <unistd.h>

#include "retmask/base/file.h"
#include "standard_input.h"

namespace retmask::cli {
namespace {

using Arguments = std::vector<std::string>;

TEST(StandardInput, ADashIsAFileWhereRowsAreExpected) {
  EXPECT_EQ(name_standard_input({"retmask", "train-dpo", "--pairs", "-", "--loss", "dpo"}),
            (Arguments{"retmask", "train-dpo", "--pairs", "/dev/stdin", "--loss", "dpo"}));
  EXPECT_EQ(name_standard_input({"--prompts", "a.jsonl", "-", "--data=-"}),
            (Arguments{"--prompts", "a.jsonl", "/dev/stdin", "--data=/dev/stdin"}));
  EXPECT_EQ(name_standard_input({"--stop", "-", "-"}), (Arguments{"--stop", "-", "-"}));
}

TEST(StandardInput, APipeCanBeReadTwice) {
  const int before = ::dup(STDIN_FILENO);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "rows\n", 5), 5);
  ::close(ends[1]);
  ::dup2(ends[0], STDIN_FILENO);
  ::close(ends[0]);
  hold_streams({{"pairs", {"a.jsonl"}}});  // not asked for
  hold_streams({{"pairs", {"a.jsonl", "/dev/stdin"}}});
  EXPECT_EQ(read_text_file("/dev/stdin", "rows"), "rows\n");
  EXPECT_EQ(read_text_file("/dev/stdin", "rows"), "rows\n");
  ::dup2(before, STDIN_FILENO);
  ::close(before);
}

}  // namespace
}  // namespace retmask::cli
