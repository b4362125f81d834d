#include "retmask/base/json.h"
#include "retmask/base/memory.h"
#include "support.h"

namespace retmask {
namespace {

using testing::TempDir;

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<int>(byte) >> 4];
    text += "0123456789abcdef"[std::to_integer<int>(byte) & 15];
  }
  return text;
}

const std::map<std::string, TensorType> kTorchTypes{
    {"float32", TensorType::float32},
    {"float16", TensorType::float16},
    {"bfloat16", TensorType::bfloat16},
    {"int64", TensorType::int64},
    {"int32", TensorType::int32},
    {"uint8", TensorType::uint8},
    {"bool", TensorType::boolean},
};

TEST(SafetensorsFile, ReadsEveryTypeAsPythonDoes) {
  const SafetensorsFile file(testing::golden_dir() / "checkpoint/types.safetensors");
  const Json expected = testing::golden_json("checkpoint/types.json");
  ASSERT_EQ(file.tensors().size(), expected.size());
  for (const auto& [name, golden] : expected.items()) {
    ASSERT_TRUE(file.tensors().contains(name)) << name;
    const TensorSpec& spec = file.tensors().at(name);
    EXPECT_EQ(spec.name, name);
    EXPECT_EQ(spec.type, kTorchTypes.at(golden["type"])) << name;
    EXPECT_EQ(spec.shape, golden["shape"].get<std::vector<int64_t>>()) << name;
    EXPECT_EQ(to_hex(file.bytes(name)), golden["bytes"].get<std::string>()) << name;
  }
}

TEST(SafetensorsFile, AHeaderOfBracketsIsAnError) {
  const TempDir dir;
  const std::string header = "{\"a\": " + std::string(300000, '[') + std::string(300000, ']') + "}";
  const uint64_t size = header.size();
  std::ofstream(dir / "deep.safetensors", std::ios::binary)
      << std::string(reinterpret_cast<const char*>(&size), sizeof size) << header;
  expect_user_error([&] { SafetensorsFile(dir / "deep.safetensors"); },
                    {"deep.safetensors", "nests arrays and objects", "300001 levels"});
}

TEST(SafetensorsFile, MovedFileKeepsItsBytes) {
  std::vector<SafetensorsFile> files;
  files.emplace_back(testing::golden_dir() / "checkpoint/types.safetensors");
  const auto before = files[0].bytes("u8");
  files.emplace_back(testing::golden_dir() / "checkpoint/types.safetensors");  // moves the first
  EXPECT_EQ(files[0].bytes("u8").data(), before.data());
  EXPECT_EQ(to_hex(files[0].bytes("u8")), "00ff03");
}

TEST(SafetensorsFile, ReleasedBytesLeaveMemoryAndCanBeReadAgain) {
  constexpr int64_t kBytes = 40'000'003;
  const TempDir dir;
  const std::vector<TensorSpec> specs{{"a", TensorType::uint8, {kBytes}},
                                      {"b", TensorType::uint8, {kBytes}}};
  SafetensorsWriter writer(dir / "large.safetensors", specs);
  for (size_t i = 0; i < specs.size(); ++i)
    writer.write(std::vector<std::byte>(kBytes, std::byte(7 + i)));
  writer.finish();

  const SafetensorsFile file(dir / "large.safetensors");
  const auto sum = [&](const char* name) {
    int64_t total = 0;
    for (const std::byte byte : file.bytes(name)) total += std::to_integer<int64_t>(byte);
    return total;
  };
  EXPECT_EQ(sum("a"), 7 * kBytes);
  EXPECT_EQ(sum("b"), 8 * kBytes);
  const int64_t before = resident_memory();
  file.release("a");
  const int64_t given_back = before - resident_memory();
  EXPECT_GT(given_back, kBytes * 9 / 10);
  EXPECT_LT(given_back, kBytes * 11 / 10) << "the neighbour stays";
  EXPECT_EQ(sum("a"), 7 * kBytes);
  EXPECT_THROW(file.release("none"), InternalError);
}

TEST(SafetensorsFile, UnknownTensorIsOurBug) {
  const SafetensorsFile file(testing::golden_dir() / "checkpoint/types.safetensors");
  EXPECT_THROW(file.bytes("none"), InternalError);
}

TEST(SafetensorsFile, MissingFileAndFolder) {
  const TempDir dir;
  expect_user_error([&] { SafetensorsFile file(dir / "none"); }, {"none", "No such file"});
  expect_user_error([&] { SafetensorsFile file(dir.path()); }, {"not a regular file"});
}

struct BadFile {
  std::string name;
  std::string content;
  std::vector<std::string> message;
};

void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.name; }

std::string header_of_size(uint64_t size) {
  return std::string(reinterpret_cast<const char*>(&size), 8);
}

// "a" has 8 bytes at 0; `entry` describes "b".
std::string with_second(const std::string& entry, size_t data_bytes) {
  return testing::raw_safetensors(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":)" + entry + "}", data_bytes);
}

std::vector<BadFile> bad_files() {
  using testing::raw_safetensors;
  return {
      {"Empty", "", {"truncated", "0 bytes"}},
      {"Short", "1234567", {"truncated", "7 bytes"}},
      {"HeaderBehindEnd", header_of_size(100) + "{}", {"truncated", "100 bytes", "only 2"}},
      {"HeaderAtEnd", header_of_size(3) + "{}", {"truncated", "3 bytes", "only 2"}},
      {"NotSafetensors", "PK\x03\x04 a zip file", {"not a safetensors file"}},
      {"NotJson", raw_safetensors("{\"a\": ", 0), {"header", "not valid JSON"}},
      {"NotUtf8", raw_safetensors("{\"\xff\": {}}", 0), {"header", "not valid JSON"}},
      {"NotAnObject", raw_safetensors("[1]", 0), {"header", "not a JSON object"}},
      {"EntryNotAnObject", with_second("3", 8), {"\"b\"", "not an object"}},
      {"NoType",
       with_second(R"({"shape":[1],"data_offsets":[8,12]})", 12),
       {"\"b\"", "\"dtype\" is missing"}},
      {"NoShape",
       with_second(R"({"dtype":"F32","data_offsets":[8,12]})", 12),
       {"\"shape\" is missing"}},
      {"NoOffsets",
       with_second(R"({"dtype":"F32","shape":[1]})", 12),
       {"\"data_offsets\" is missing"}},
      {"UnknownType",
       with_second(R"({"dtype":"C64","shape":[4],"data_offsets":[8,12]})", 12),
       {"\"b\"", "\"C64\"", "F32, F16, BF16"}},
      {"QuantizedType",
       with_second(R"({"dtype":"F8_E4M3","shape":[4],"data_offsets":[8,12]})", 12),
       {"\"b\"", "\"F8_E4M3\"", "quantized"}},
      {"ShapeOfText",
       with_second(R"({"dtype":"F32","shape":["1"],"data_offsets":[8,12]})", 12),
       {"list of integers"}},
      {"ShapeOfFloats",
       with_second(R"({"dtype":"F32","shape":[1.5],"data_offsets":[8,12]})", 12),
       {"[1.5]"}},
      {"NegativeShape",
       with_second(R"({"dtype":"F32","shape":[-1],"data_offsets":[8,12]})", 12),
       {"impossible shape"}},
      {"NegativeShapeOfNothing",
       with_second(R"({"dtype":"F32","shape":[0,-1],"data_offsets":[8,8]})", 8),
       {"impossible shape [0, -1]"}},
      {"HugeShape",
       with_second(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[8,12]})", 12),
       {"impossible shape [4611686018427387904, 4]"}},
      {"OneOffset",
       with_second(R"({"dtype":"F32","shape":[1],"data_offsets":[8]})", 12),
       {"[begin, end]"}},
      {"OffsetsBackwards",
       with_second(R"({"dtype":"F32","shape":[1],"data_offsets":[12,8]})", 12),
       {"[12, 8]"}},
      {"OffsetNegative",
       with_second(R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})", 12),
       {"[-4, 0]"}},
      {"WrongByteCount",
       with_second(R"({"dtype":"BF16","shape":[3],"data_offsets":[8,12]})", 12),
       {"\"b\" of shape [3] and type BF16 needs 6 bytes", "give 4"}},
      {"Overlap",
       with_second(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", 8),
       {"\"b\"", "overlap"}},
      {"Hole",
       with_second(R"({"dtype":"F32","shape":[1],"data_offsets":[12,16]})", 16),
       {"\"b\"", "gap", "expected 8"}},
      {"DataTruncated",
       with_second(R"({"dtype":"F32","shape":[1],"data_offsets":[8,12]})", 11),
       {"truncated", "promises 12 bytes", "has 11"}},
      {"BytesBehindEnd",
       with_second(R"({"dtype":"F32","shape":[1],"data_offsets":[8,12]})", 15),
       {"3 bytes after"}},
  };
}

class BadSafetensors : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, IsOneClearLine) {
  const TempDir dir;
  testing::write_text(dir / "bad.safetensors", GetParam().content);
  auto message = GetParam().message;
  message.push_back("bad.safetensors");
  expect_user_error([&] { SafetensorsFile file(dir / "bad.safetensors"); }, message);
}

INSTANTIATE_TEST_SUITE_P(All,
                         BadSafetensors,
                         ::testing::ValuesIn(bad_files()),
                         [](const auto& bad) { return bad.param.name; });

const std::vector<TensorSpec> kSpecs{{"b", TensorType::bfloat16, {3}},
                                     {"a", TensorType::float32, {2, 1}},
                                     {"scalar", TensorType::int64, {}}};

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const TempDir dir;
  SafetensorsWriter writer(dir / "out.safetensors", kSpecs);
  const auto data = testing::some_bytes(22);
  writer.write(std::span(data).first(1));  // pieces may end anywhere
  writer.write(std::span(data).subspan(1));
  EXPECT_FALSE(testing::fs::exists(dir / "out.safetensors"));
  writer.finish();

  EXPECT_EQ(testing::file_names(dir.path()), std::vector<std::string>{"out.safetensors"});
  const SafetensorsFile file(dir / "out.safetensors");
  EXPECT_EQ(testing::to_bytes(file.bytes("b")), testing::some_bytes(6, 1));
  EXPECT_EQ(testing::to_bytes(file.bytes("a")), testing::some_bytes(8, 7));
  EXPECT_EQ(testing::to_bytes(file.bytes("scalar")), testing::some_bytes(8, 15));
  EXPECT_EQ(file.header().size() % 8, 0u);
}

TEST(SafetensorsWriter, GivesTheBytesOfPythonsLibrary) {
  const SafetensorsFile golden(testing::golden_dir() / "checkpoint/types.safetensors");
  const TempDir dir;
  std::vector<TensorSpec> specs;
  for (const auto& [name, spec] : golden.tensors()) specs.push_back(spec);
  SafetensorsWriter writer(dir / "copy", specs);
  for (const TensorSpec& spec : specs) writer.write(golden.bytes(spec.name));
  writer.finish();
  const SafetensorsFile copy(dir / "copy");
  for (const TensorSpec& spec : specs) {
    EXPECT_EQ(copy.tensors().at(spec.name).shape, spec.shape);
    EXPECT_EQ(to_hex(copy.bytes(spec.name)), to_hex(golden.bytes(spec.name))) << spec.name;
  }
}

TEST(SafetensorsWriter, UnfinishedFileVanishes) {
  const TempDir dir;
  testing::write_text(dir / "out", "an older file");
  {
    SafetensorsWriter writer(dir / "out", kSpecs);
    writer.write(testing::some_bytes(5));
    EXPECT_THROW(writer.finish(), InternalError);                        // 17 bytes missing
    EXPECT_THROW(writer.write(testing::some_bytes(18)), InternalError);  // one too many
  }
  EXPECT_EQ(testing::file_names(dir.path()), std::vector<std::string>{"out"});
  EXPECT_EQ(read_text_file(dir / "out", "file"), "an older file");
}

TEST(SafetensorsWriter, FullDiskAndBadFolder) {
  const TempDir dir;
  {
    SafetensorsWriter writer(dir / "out", {{"a", TensorType::uint8, {100000}}});
    const testing::FileSizeLimit limit(50000);
    expect_storage_error([&] { writer.write(testing::some_bytes(100000)); },
                         {"cannot write", "out", "File too large"});
  }
  EXPECT_TRUE(testing::file_names(dir.path()).empty());
  expect_user_error([&] { SafetensorsWriter writer(dir / "none/out", kSpecs); },
                    {"cannot write", "none/out"});
}

TEST(SafetensorsWriter, EachNameOnce) {
  const TempDir dir;
  EXPECT_THROW(SafetensorsWriter(dir / "out", {kSpecs[0], kSpecs[0]}), InternalError);
}

}  // namespace
}  // namespace retmask
