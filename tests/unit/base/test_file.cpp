#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

namespace fs = std::filesystem;

int64_t count_entries(const fs::path& dir) {
  return std::distance(fs::directory_iterator(dir), {});
}

TEST(File, AtomicWriteReplacesWholeAndLeavesNothingElse) {
  const testing::TempDir dir;
  write_file_atomic(dir / "a.txt", "first");
  write_file_atomic(dir / "a.txt", "second");
  EXPECT_EQ(read_text_file(dir / "a.txt", "file"), "second");
  EXPECT_EQ(count_entries(dir.path()), 1);
}

TEST(File, AtomicWriteSaysWhyItFailed) {
  try {
    write_file_atomic("/nonexistent/folder/a.txt", "x");
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos)
        << error.what();
  }
}

TEST(File, PiecesAppearAtTheEndOrNotAtAll) {
  const testing::TempDir dir;
  {
    AtomicFile file(dir / "a.txt");
    file.write("first ");
    EXPECT_FALSE(fs::exists(dir / "a.txt"));
    file.write("second");
    file.commit();
  }
  EXPECT_EQ(read_text_file(dir / "a.txt", "file"), "first second");
  { AtomicFile(dir / "a.txt").write("never committed"); }
  EXPECT_EQ(read_text_file(dir / "a.txt", "file"), "first second");
  EXPECT_EQ(count_entries(dir.path()), 1);
}

TEST(File, WhatKilledWritersLeftIsRemoved) {
  const testing::TempDir dir;
  for (const char* name : {"a.txt", "a.txt.tmp17", "a.txt.tmp17.gz", "b.txt.tmp17"}) {
    write_file_atomic(dir / name, "x");
  }
  remove_leftovers(dir / "a.txt");
  EXPECT_FALSE(fs::exists(dir / "a.txt.tmp17"));
  EXPECT_EQ(count_entries(dir.path()), 3);
}

TEST(File, MissingFileIsNamed) {
  try {
    read_text_file("/nonexistent/config.json", "config file");
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "config file \"/nonexistent/config.json\" does not exist");
  }
}

TEST(File, OutputDirUnderAFileIsRefused) {
  const testing::TempDir dir;
  write_file_atomic(dir / "file", "x");
  EXPECT_THROW(make_output_dir(dir / "file" / "out"), UserError);
  make_output_dir(dir / "a" / "b" / "c");
  EXPECT_EQ(count_entries(dir / "a" / "b" / "c"), 0);
}

TEST(File, CommitReplacesAFolder) {
  const testing::TempDir dir;
  make_output_dir(dir / "old");
  write_file_atomic(dir / "old" / "stale", "x");
  make_output_dir(dir / "new");
  write_file_atomic(dir / "new" / "fresh", "y");
  commit_path(dir / "new", dir / "old");
  EXPECT_FALSE(fs::exists(dir / "old" / "stale"));
  EXPECT_EQ(read_text_file(dir / "old" / "fresh", "file"), "y");
  EXPECT_EQ(count_entries(dir.path()), 1);
}

TEST(File, Sha256) {
  // FIPS 180-2, appendix B.1.
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256("abc"), expected);
  const testing::TempDir dir;
  write_file_atomic(dir / "abc", "abc");
  EXPECT_EQ(sha256_file(dir / "abc"), expected);
}

}  // namespace
}  // namespace retmask
