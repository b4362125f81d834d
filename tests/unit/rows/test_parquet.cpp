#include <gtest/gtest.h>

#include "retmask/rows/row_files.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/golden_files.h"

namespace retmask::rows {
namespace {

namespace fs = std::filesystem;

fs::path golden(const std::string& name) { return testing::golden_dir() / "rows" / name; }

Json read(const std::string& name, std::vector<std::string> columns) {
  Json rows = Json::array();
  for_each_row({.path = golden(name), .columns = std::move(columns)},
               [&](const Json& row, int64_t number, const std::string& where) {
                 EXPECT_EQ(where, golden(name).string() + ":" + std::to_string(number));
                 EXPECT_EQ(number, static_cast<int64_t>(rows.size()) + 1);
                 rows.push_back(row);
               });
  return rows;
}

TEST(Parquet, EachTypeHasItsJson) {
  const Json expected = testing::golden_json("rows/read.json");
  std::vector<std::string> columns;
  for (const auto& [name, value] : expected[0].items()) columns.push_back(name);
  const Json rows = read("read.parquet", columns);
  ASSERT_EQ(rows.size(), expected.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const std::string& name : columns)
      EXPECT_EQ(rows[i][name].dump(), expected[i][name].dump()) << name << " of row " << i;
  }
}

TEST(Parquet, OtherTypesAreRefusedByColumnAndType) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"timestamp", "timestamp[us]"},
      {"date", "date32"},
      {"decimal", "decimal128(3, 2)"},
      {"fixed_binary", "fixed_size_binary[4]"},
      {"half", "halffloat"},
      {"times", "timestamp[us]"},
      {"content_time", "timestamp[us]"},
      {"number_map", "map<int32, string"},
  };
  for (const auto& [column, type] : cases) {
    expect_user_error([&, name = column] { read("refused.parquet", {name}); },
                      {"refused.parquet", "\"" + column + "\"", type});
  }
}

TEST(Parquet, OnlyTheColumnsThatAreLookedAtAreRead) {
  EXPECT_EQ(read("read.parquet", {"numbers", "absent"}),
            Json::parse(R"([{"numbers": 1}, {"numbers": null}, {"numbers": -3}])"));
  expect_user_error([] { read("read.parquet", {"absent"}); }, {"read.parquet", "list_view"});
}

TEST(Parquet, BadValuesNameTheRow) {
  expect_user_error([] { read("invalid_utf8.parquet", {"prompt"}); },
                    {"invalid_utf8.parquet:2", "prompt", "UTF-8"});
  expect_user_error([] { read("invalid_json.parquet", {"talk"}); },
                    {"invalid_json.parquet:2", "talk", "JSON"});
}

}  // namespace
}  // namespace retmask::rows
