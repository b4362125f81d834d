#include <gtest/gtest.h>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/json.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

template <typename Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Json, LinesRoundTripPlainAndGzipped) {
  const testing::TempDir dir;
  const std::vector<Json> rows{
      {{"b", 1}, {"a", "zwölf"}}, {{"text", std::string(200000, 'x')}}, Json::array({1, 2})};
  for (const char* name : {"rows.jsonl", "rows.jsonl.gz"}) {
    write_json_lines(dir / name, rows);
    EXPECT_EQ(read_json_lines(dir / name, "rows"), rows) << name;
  }
  const std::string gz = read_text_file(dir / "rows.jsonl.gz", "rows");
  EXPECT_EQ(gz.substr(0, 2), "\x1f\x8b");
  EXPECT_LT(gz.size(), 2000U);
}

TEST(Json, BadLineIsNamedWithFileAndLine) {
  const testing::TempDir dir;
  write_file_atomic(dir / "rows.jsonl", "{\"a\": 1}\n\n{\"a\": \n");
  const std::string message = error_of([&] { read_json_lines(dir / "rows.jsonl", "rows"); });
  EXPECT_NE(message.find("rows.jsonl:3 is not valid JSON"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

std::string repeated(const std::string& text, int64_t count) {
  std::string all;
  for (int64_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Json, HundredsOfThousandsOfLevelsAreAnError) {
  constexpr int64_t kLevels = 300000;
  const testing::TempDir dir;
  for (const auto& [open, close] : {std::pair("[", "]"),
                                    std::pair("{\"a\":", "}"),
                                    std::pair("[{\"b\": [", "]}]"),
                                    std::pair("[", "")}) {
    const std::string text = repeated(open, kLevels) + "1" + repeated(close, kLevels);
    const std::string message = error_of([&] { parse_json(text, "deep.json"); });
    EXPECT_NE(message.find("deep.json nests arrays and objects"), std::string::npos) << message;
    EXPECT_LT(message.size(), 200U);
    EXPECT_FALSE(try_parse_json(text));
    write_file_atomic(dir / "deep.jsonl", "{}\n" + text + "\n");
    EXPECT_NE(error_of([&] { read_json_lines(dir / "deep.jsonl", "rows"); }).find("deep.jsonl:2 "),
              std::string::npos);
  }
}

TEST(Json, ANulByteIsAnErrorAndNotTheEnd) {
  using namespace std::string_literals;
  const testing::TempDir dir;
  for (const std::string& text :
       {"{\"a\": 1}\0{\"b\": 2}"s, "[1]\0"s, "\0[1]"s, "[1, \"\0\"]"s, "[1,\0 2]"s}) {
    EXPECT_NE(error_of([&] { parse_json(text, "file"); }).find("is NUL"), std::string::npos);
    EXPECT_FALSE(try_parse_json(text));
    write_file_atomic(dir / "rows.jsonl", "{}\n" + text + "\n");
    EXPECT_NE(error_of([&] { read_json_lines(dir / "rows.jsonl", "rows"); }).find("rows.jsonl:2 "),
              std::string::npos);
  }
}

TEST(Json, TheDepthIsThatOfTheDeepestPlaceAndBracketsInTextsAreNone) {
  const std::string deepest = repeated("[", kDeepestJson) + repeated("]", kDeepestJson);
  EXPECT_EQ(error_of([&] { parse_json(deepest, "file"); }), "");
  EXPECT_NE(error_of([&] { parse_json("[" + deepest + "]", "file"); }), "");
  EXPECT_EQ(error_of([&] { parse_json("[" + deepest + "]", "file", kDeepestOwnJson); }), "");
  EXPECT_EQ(try_parse_json(deepest).value().dump(), deepest);
  const Json wide = parse_json("[" + repeated("[[]],", 2000) + "0]", "file");
  EXPECT_EQ(wide.size(), 2001U);
  const std::string brackets = R"(["\"[[\\", ")" + repeated("[{", 1000) + "\"]";
  EXPECT_EQ(parse_json(brackets, "file")[0], "\"[[\\");
}

TEST(Json, TruncatedGzipIsAnError) {
  const testing::TempDir dir;
  std::vector<Json> rows;
  for (int i = 0; i < 2000; ++i) rows.push_back({{"i", i * 7919 % 1000}});
  write_json_lines(dir / "rows.jsonl.gz", rows);
  const std::string whole = read_text_file(dir / "rows.jsonl.gz", "rows");
  write_file_atomic(dir / "cut.jsonl.gz", whole.substr(0, whole.size() / 2));
  EXPECT_NE(error_of([&] { read_json_lines(dir / "cut.jsonl.gz", "rows"); }), "");
}

TEST(Json, TypedAccessNamesKeyAndPlace) {
  const Json object = {{"n", 3}, {"s", "text"}, {"none", nullptr}};
  EXPECT_EQ(json_get<int64_t>(object, "n", "file"), 3);
  EXPECT_EQ(json_get_or<int64_t>(object, "none", 7, "file"), 7);
  EXPECT_EQ(error_of([&] { json_get<int64_t>(object, "gone", "file"); }),
            "file: \"gone\" is missing");
  EXPECT_EQ(error_of([&] { json_get<int64_t>(object, "s", "file"); }),
            "file: \"s\" has the wrong type: \"text\"");
}

TEST(Json, CutUtf8DoesNotStopALine) {
  EXPECT_EQ(dump_json_line({{"a", "x\xC3"}}), "{\"a\":\"x\uFFFD\"}");
}

TEST(Json, LinesAppearWholeOrNotAtAll) {
  const testing::TempDir dir;
  const std::vector<Json> rows(1, Json{{"i", 0}});
  write_json_lines(dir / "rows.jsonl", rows);
  {
    JsonLinesWriter writer(dir / "rows.jsonl");
    writer.append({{"text", std::string(200000, 'x')}});
  }
  EXPECT_EQ(read_json_lines(dir / "rows.jsonl", "rows"), rows) << "never committed";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

}  // namespace
}  // namespace retmask
