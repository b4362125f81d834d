#include <gtest/gtest.h>

#include <fstream>

#include "retmask/rows/row_files.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::rows {
namespace {

const std::string kMark = "\xEF\xBB\xBF";

class RowFiles : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  // {"file:row": the row}, without the folder.
  Json read(const std::filesystem::path& path) const {
    Json rows = Json::object();
    for_each_row({.path = path}, [&](const Json& row, int64_t, const std::string& where) {
      rows[where.substr(folder_.path().string().size() + 1)] = row;
    });
    return rows;
  }

  testing::TempDir folder_;
};

TEST_F(RowFiles, TheFirstByteTellsLinesFromAnArray) {
  EXPECT_EQ(read(write("a.txt", "\n{\"x\": 1}\n")), Json::parse(R"({"a.txt:2": {"x": 1}})"));
  EXPECT_EQ(read(write("a.jsonl", " \n[{\"x\": \"],[\\\"\"},\n [2, {}] ]\n")),
            Json::parse(R"({"a.jsonl:1": {"x": "],[\""}, "a.jsonl:2": [2, {}]})"));
  EXPECT_EQ(read(write("empty.json", "[ ]")), Json::object());
  EXPECT_EQ(read(write("empty.jsonl", "")), Json::object());
}

TEST_F(RowFiles, AByteOrderMarkIsPassedOver) {
  EXPECT_EQ(read(write("a.jsonl", kMark + "{\"x\": 1}\n")),
            Json::parse(R"({"a.jsonl:1": {"x": 1}})"));
  EXPECT_EQ(read(write("b.jsonl", kMark + "\n{\"x\": 1}\n")),
            Json::parse(R"({"b.jsonl:2": {"x": 1}})"));
  EXPECT_EQ(read(write("a.json", kMark + "[{\"x\": 1}]")),
            Json::parse(R"({"a.json:1": {"x": 1}})"));
  expect_user_error([&] { read(write("w.jsonl", "\xFF\xFE{\0")); }, {"w.jsonl", "UTF-16"});
}

TEST_F(RowFiles, GzipHoldsArraysToo) {
  write_json_lines(folder_ / "a.json.gz", {Json::parse(R"([{"x": 1}, {"x": 2}])")});
  EXPECT_EQ(read(folder_ / "a.json.gz"),
            Json::parse(R"({"a.json.gz:1": {"x": 1}, "a.json.gz:2": {"x": 2}})"));
}

TEST_F(RowFiles, MistakesNameFileAndRow) {
  expect_user_error([&] { read(write("a.json", "[{}, {]}")); }, {"a.json:2", "row 2"});
  expect_user_error([&] { read(write("a.json", "[{}, ]")); }, {"a.json:2", "row 2"});
  expect_user_error([&] { read(write("a.json", "[{} {}]")); }, {"a.json:1", "row 1"});
  expect_user_error([&] { read(write("a.json", "[{}, {\"x\": \"")); }, {"a.json:2", "ends"});
  expect_user_error([&] { read(write("a.json", "[{}] {}")); }, {"a.json", "after the array"});
  expect_user_error([&] { read(write("a.jsonl", "{}\n{\n")); }, {"a.jsonl:2"});
  expect_user_error([&] { read(folder_ / "none"); }, {"none", "does not exist"});
  expect_user_error([&] { read(folder_.path()); }, {"folder"});
}

}  // namespace
}  // namespace retmask::rows
