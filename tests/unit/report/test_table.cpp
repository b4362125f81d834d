#include <gtest/gtest.h>

#include "retmask/base/error.h"
#include "retmask/report/table.h"

namespace retmask {
namespace {

TEST(Table, AlignsNumbersRightAndTextLeft) {
  const Table table{.columns = {"head", "score", "note"},
                    .rows = {{"18-6", "0.81", "naïve"}, {"9-12", "-1", ""}, {"1-1", "", "x"}}};
  EXPECT_EQ(to_text(table),
            "head  score  note\n"
            "----  -----  -----\n"
            "18-6   0.81  naïve\n"
            "9-12     -1\n"
            " 1-1         x\n");
}

TEST(Table, NeedsNoHeader) {
  EXPECT_EQ(to_text({.columns = {}, .rows = {{"model", "a b"}, {"x", "y"}}}),
            "model  a b\nx      y\n");
  EXPECT_EQ(to_text({}), "");
}

TEST(Table, ListsAndSentencesAreText) {
  const Table table{.columns = {}, .rows = {{"18-6, 17-3", "1. First", "50 %"}}};
  EXPECT_FALSE(table.is_numeric(0));
  EXPECT_FALSE(table.is_numeric(1));
  EXPECT_TRUE(table.is_numeric(2));
}

TEST(Table, RefusesRaggedRows) {
  EXPECT_THROW(to_text({.columns = {"a", "b"}, .rows = {{"1"}}}), InternalError);
}

}  // namespace
}  // namespace retmask
