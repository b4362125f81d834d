#include "support.h"

namespace retmask {
namespace {

using testing::TempDir;
namespace fs = std::filesystem;

class SaveCheckpointTest : public ::testing::Test {
 protected:
  SaveCheckpointTest() {
    fs::create_directory(source_);
    for (const char* name :
         {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "LICENSE"}) {
      testing::write_text(source_ / name, std::string("content of ") + name);
    }
    for (const char* name : {"run.json", "pytorch_model.bin", "model.safetensors.index.json"}) {
      testing::write_text(source_ / name, "not to be copied");
    }
  }

  void save(const fs::path& dir, int64_t max_shard_bytes = 1000) {
    const auto write = [](const TensorSpec& spec, const ByteSink& sink) {
      const auto bytes = testing::some_bytes(spec.num_bytes(), spec.name[0]);
      sink(std::span(bytes).first(1));
      sink(std::span(bytes).subspan(1));
    };
    save_checkpoint(
        dir, source_, Json{{"model_type", "llama"}}, kSpecs, write, options(max_shard_bytes));
  }

  // Options of a resumed run.
  SaveOptions options(int64_t max_shard_bytes = 1000) {
    return {.max_shard_bytes = max_shard_bytes,
            .own_files = own_files_,
            .announce = [&](const Json& files) { own_files_ = files; }};
  }

  static void expect_whole(const fs::path& dir) {
    const Checkpoint checkpoint(dir);
    ASSERT_EQ(checkpoint.tensors().size(), kSpecs.size());
    for (const TensorSpec& spec : kSpecs) {
      EXPECT_EQ(checkpoint.tensors().at(spec.name).shape, spec.shape);
      EXPECT_EQ(testing::to_bytes(checkpoint.bytes(spec.name)),
                testing::some_bytes(spec.num_bytes(), spec.name[0]));
    }
  }

  // 40, 60, 100 and 20 bytes.
  inline static const std::vector<TensorSpec> kSpecs{{"a", TensorType::float32, {2, 5}},
                                                     {"b", TensorType::bfloat16, {30}},
                                                     {"c", TensorType::uint8, {100}},
                                                     {"d", TensorType::float16, {10, 1}}};
  Json own_files_ = Json::array();
  const TempDir dir_;
  const fs::path source_ = dir_ / "source";
  const fs::path target_ = dir_ / "target";
};

const std::vector<std::string> kSingle{"LICENSE",
                                       "chat_template.jinja",
                                       "config.json",
                                       "model.safetensors",
                                       "tokenizer.json",
                                       "tokenizer_config.json"};

TEST_F(SaveCheckpointTest, SmallModelIsOneFile) {
  save(target_);
  EXPECT_EQ(testing::file_names(target_), kSingle);
  EXPECT_EQ(read_text_file(target_ / "tokenizer.json", "file"), "content of tokenizer.json");
  EXPECT_EQ(Checkpoint(target_).config()["model_type"], "llama");
  expect_whole(target_);
}

TEST_F(SaveCheckpointTest, LargeModelIsSharded) {
  save(target_, /*max_shard_bytes=*/100);
  const Json index = read_json_file(target_ / "model.safetensors.index.json", "index");
  EXPECT_EQ(index["metadata"]["total_size"], 220);
  EXPECT_EQ(index["weight_map"],
            (Json{{"a", "model-00001-of-00003.safetensors"},
                  {"b", "model-00001-of-00003.safetensors"},
                  {"c", "model-00002-of-00003.safetensors"},
                  {"d", "model-00003-of-00003.safetensors"}}));
  expect_whole(target_);
}

TEST_F(SaveCheckpointTest, ATensorAboveTheLimitGetsItsOwnShard) {
  for (const int64_t limit : {50, 10}) {  // the third tensor is above 50, each is above 10
    save(target_, limit);
    EXPECT_TRUE(fs::exists(target_ / "model-00004-of-00004.safetensors"));
    expect_whole(target_);
  }
}

// No more shards than the limit requires: a shard is filled to its last byte, and a new one starts
// only when the next tensor does not fit.
TEST_F(SaveCheckpointTest, AsManyShardsAsTheLimitNeeds) {
  const std::vector<std::pair<int64_t, size_t>> shards_by_limit{
      {220, 1}, {219, 2}, {200, 2}, {199, 2}, {120, 2}, {119, 3}, {100, 3}, {99, 4}, {1, 4}};
  for (const auto& [limit, shards] : shards_by_limit) {
    SCOPED_TRACE(limit);
    save(target_, limit);
    std::vector<std::string> weights;
    for (const std::string& name : testing::file_names(target_))
      if (name.ends_with(".safetensors")) weights.push_back(name);
    std::vector<std::string> expected{"model.safetensors"};
    if (shards > 1) {
      expected.clear();
      for (size_t i = 1; i <= shards; ++i)
        expected.push_back("model-0000" + std::to_string(i) + "-of-0000" + std::to_string(shards) +
                           ".safetensors");
    }
    EXPECT_EQ(weights, expected);
    EXPECT_EQ(fs::exists(target_ / "model.safetensors.index.json"), shards > 1);
    expect_whole(target_);
  }
}

TEST_F(SaveCheckpointTest, ReplacesAnOlderCheckpointAndKeepsOtherFiles) {
  save(target_, /*max_shard_bytes=*/50);
  testing::write_text(target_ / "run.json", "kept");
  fs::create_directory(target_ / "step-10");
  save(target_);
  std::vector<std::string> expected = kSingle;
  expected.insert(expected.end(), {"run.json", "step-10"});
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(testing::file_names(target_), expected);
  expect_whole(target_);
}

// A kill may happen between any two steps: while old and new files coexist there is no config.json,
// so nothing loads.
TEST_F(SaveCheckpointTest, ConfigGoesFirstAndComesLast) {
  // A memory file system lists files by age, one on disk by a hash of their names.
  const bool two_kinds = fs::is_directory("/dev/shm") && ::access("/dev/shm", W_OK) == 0;
  for (const fs::path& base : {fs::temp_directory_path(), fs::path("/dev/shm")}) {
    if (base == "/dev/shm" && !two_kinds) continue;
    const TempDir dir(base);
    save(dir / "target", /*max_shard_bytes=*/50);
    const testing::FolderLog log(dir / "target");
    save(dir / "target", /*max_shard_bytes=*/100);
    const std::vector<std::string> steps = log.names();
    ASSERT_GT(steps.size(), 10U);
    EXPECT_EQ(steps.front(), "-config.json");
    EXPECT_EQ(steps.back(), "+config.json");
    const auto first_new =
        std::ranges::find_if(steps, [](const auto& step) { return step[0] == '+'; });
    EXPECT_TRUE(std::ranges::none_of(first_new, steps.end(), [](const auto& step) {
      return step[0] == '-';
    })) << "an old file went after a new one had come";
  }
}

TEST_F(SaveCheckpointTest, MayReplaceItsOwnSource) {
  save(target_, /*max_shard_bytes=*/50);
  const Checkpoint source(target_);
  const auto copy = [&](const TensorSpec& spec, const ByteSink& sink) {
    sink(source.bytes(spec.name));
  };
  save_checkpoint(target_, target_, source.config(), kSpecs, copy, options());
  EXPECT_EQ(testing::file_names(target_), kSingle);
  expect_whole(target_);
}

TEST_F(SaveCheckpointTest, FilesOfOthersAreNeitherRemovedNorMixedIn) {
  for (const char* name : {"model.safetensors",
                           "model-00001-of-00002.safetensors",
                           "model.safetensors.index.json",
                           "config.json",
                           "tokenizer.json",
                           "added_tokens.json",
                           "LICENSE"}) {
    const fs::path other = dir_ / (std::string("with ") + name);
    fs::create_directory(other);
    testing::write_text(other / name, "of somebody else");
    expect_user_error([&] { save(other); }, {name, "was not written by this run", "--out"});
    EXPECT_EQ(testing::file_names(other), std::vector<std::string>{name});
    EXPECT_EQ(read_text_file(other / name, "file"), "of somebody else");
  }
}

TEST_F(SaveCheckpointTest, AnOwnFileThatWasChangedIsSomebodyElses) {
  save(target_);
  testing::write_text(target_ / "tokenizer.json", "a longer one, edited by hand");
  expect_user_error([&] { check_checkpoint_folder(target_, own_files_); },
                    {"tokenizer.json", "was changed since"});
  expect_user_error([&] { save(target_); }, {"tokenizer.json"});
  expect_whole(target_);
}

TEST_F(SaveCheckpointTest, GoesOnBehindAKillInTheMiddle) {
  save(target_, /*max_shard_bytes=*/50);
  const auto die = [&](const Json& files) {
    own_files_ = files;
    throw std::runtime_error("killed");
  };
  SaveOptions dying = options();
  dying.announce = die;
  const auto write = [](const TensorSpec& spec, const ByteSink& sink) {
    sink(testing::some_bytes(spec.num_bytes(), spec.name[0]));
  };
  EXPECT_THROW(save_checkpoint(target_, source_, Json::object(), kSpecs, write, dying),
               std::runtime_error);
  expect_whole(target_);  // announced files are not removed yet
  fs::remove(target_ / "config.json");
  fs::remove(target_ / "model-00001-of-00004.safetensors");
  save(target_);
  EXPECT_EQ(testing::file_names(target_), kSingle);
  expect_whole(target_);
}

TEST_F(SaveCheckpointTest, FullDiskLeavesTheOlderCheckpoint) {
  save(target_, /*max_shard_bytes=*/50);
  const auto before = testing::file_names(target_);
  {
    const testing::FileSizeLimit limit(300);  // fits the small files, but not the weights
    expect_storage_error([&] { save(target_); },
                         {"cannot write the weights", "model.safetensors", "File too large"});
    expect_storage_error([&] { save(dir_ / "fresh"); }, {"cannot write the weights"});
  }
  EXPECT_EQ(testing::file_names(target_), before);
  expect_whole(target_);
  EXPECT_FALSE(fs::exists(dir_ / "fresh"));
}

TEST_F(SaveCheckpointTest, AnErrorOfTheCallerLeavesNothing) {
  const auto fail = [](const TensorSpec&, const ByteSink&) { user_error("no such tensor"); };
  expect_user_error([&] { save_checkpoint(target_, source_, Json::object(), kSpecs, fail); },
                    {"no such tensor"});
  EXPECT_FALSE(fs::exists(target_));
}

TEST_F(SaveCheckpointTest, LeftoversOfAKillAreReplaced) {
  fs::create_directories(target_ / ".checkpoint.tmp");
  testing::write_text(target_ / ".checkpoint.tmp/model-00001-of-00009.safetensors", "half");
  save(target_);
  EXPECT_EQ(testing::file_names(target_), kSingle);
}

TEST_F(SaveCheckpointTest, TooFewBytesAreOurBug) {
  const auto write = [](const TensorSpec&, const ByteSink& sink) { sink(testing::some_bytes(3)); };
  EXPECT_THROW(save_checkpoint(target_, source_, Json::object(), kSpecs, write), InternalError);
  EXPECT_FALSE(fs::exists(target_));
}

TEST_F(SaveCheckpointTest, BadFolders) {
  testing::write_text(dir_ / "file", "");
  expect_user_error([&] { save(dir_ / "file/target"); },
                    {"cannot make the output folder", "file/target"});
  expect_user_error([&] { save_checkpoint(target_, dir_ / "none", Json::object(), {}, nullptr); },
                    {"cannot read the model folder", "none"});
  EXPECT_FALSE(fs::exists(target_));
}

}  // namespace
}  // namespace retmask
