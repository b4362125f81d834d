#include <gtest/gtest.h>

#include <fstream>

#include "retmask/base/file.h"
#include "retmask/base/journal.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/files.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

TEST(Journal, GivesFinishedRowsBackAndDropsATornOne) {
  const testing::TempDir dir;
  {
    Journal journal(dir / "rows.jsonl");
    EXPECT_TRUE(journal.empty());
    journal.append({{"i", 0}});
    const int64_t offset = journal.append({{"i", 1}});
    EXPECT_EQ(journal.read(offset)["i"], 1);
    EXPECT_EQ(journal.rows().size(), 2U);
  }
  std::ofstream(dir / "rows.jsonl", std::ios::app)
      << "{\"i\": 2, \"longer\": \"than the row t";  // killed in the middle of a write
  {
    Journal journal(dir / "rows.jsonl");
    ASSERT_EQ(journal.rows().size(), 2U);
    EXPECT_EQ(journal.rows()[1]["i"], 1);
    journal.append({{"i", 2}});
  }
  EXPECT_EQ(read_text_file(dir / "rows.jsonl", "rows"), "{\"i\":0}\n{\"i\":1}\n{\"i\":2}\n");
}

TEST(Journal, AFullDiskKeepsWhatWasFinished) {
  const testing::TempDir dir;
  Journal journal(dir / "rows.jsonl");
  journal.append({{"i", 0}});
  const int64_t whole = static_cast<int64_t>(std::filesystem::file_size(dir / "rows.jsonl"));
  {
    const testing::FileSizeLimit limit(static_cast<rlim_t>(whole + 5));  // within the next row
    expect_storage_error(
        [&] {
          journal.append({{"text", "longer than five bytes"}});
        },
        {"cannot write", "rows.jsonl", "run again"});
  }
  EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(dir / "rows.jsonl")), whole);
  journal.append({{"i", 1}});
  EXPECT_EQ(journal.rows().size(), 2U);
}

TEST(Journal, RowsAreFoundByTheOffsetsOfTheVisit) {
  const testing::TempDir dir;
  std::vector<Json> rows;
  {
    Journal journal(dir / "rows.jsonl");
    // Longer and shorter than the read size.
    for (const size_t size : {10, 300000, 0, 262144, 262100, 1000000, 3}) {
      rows.push_back({{"text", std::string(size, 'x')}});
      journal.append(rows.back());
    }
  }
  std::vector<int64_t> offsets;
  std::vector<Json> visited;
  const Journal journal(dir / "rows.jsonl", [&](const Json& row, int64_t offset) {
    visited.push_back(row);
    offsets.push_back(offset);
  });
  EXPECT_EQ(visited, rows);
  EXPECT_EQ(journal.rows(), rows);
  for (size_t i = rows.size(); i-- > 0;) EXPECT_EQ(journal.read(offsets[i]), rows[i]) << i;
}

TEST(Journal, ASecondWriterIsRefused) {
  const testing::TempDir dir;
  {
    const Journal journal(dir / "rows.jsonl");
    expect_user_error([&] { Journal second(dir / "rows.jsonl"); },
                      {"rows.jsonl", "another process", "--out"});
  }
  const Journal next(dir / "rows.jsonl");
}

TEST(Journal, ABrokenRowIsNamed) {
  const testing::TempDir dir;
  write_file_atomic(dir / "rows.jsonl", "{\"i\": 0}\n{\"i\":\n{\"i\": 2}\n");
  expect_user_error([&] { Journal journal(dir / "rows.jsonl"); }, {"rows.jsonl:2", "JSON"});
}

}  // namespace
}  // namespace retmask
