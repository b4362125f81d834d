#include <gtest/gtest.h>

#include <filesystem>

#include "retmask/base/log.h"
#include "support.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

std::unique_ptr<const Tokenizer> load_with(const TempDir& dir, const Json& files) {
  fs::copy_file(testing::golden_dir() / "tiny/llama/tokenizer.json", dir / "tokenizer.json");
  for (const auto& [name, content] : files.items()) write_json_file(dir / name, content);
  return Tokenizer::load(dir.path());
}

TEST(AddedTokens, OfTheOtherFilesAreAddedAsInTransformers) {
  log::set_quiet(true);
  const Json golden = testing::golden_json("tokenizer/added_tokens.json");
  const auto text = golden.at("text").get<std::string>();
  ASSERT_GE(golden.at("cases").size(), 120u);
  for (const Json& one : golden.at("cases")) {
    const TempDir dir;
    const auto tokenizer = load_with(dir, one.at("files"));
    const auto ids = one.at("ids").get<std::vector<int64_t>>();
    EXPECT_EQ(tokenizer->encode(text, false), ids) << one.at("files").dump();
    EXPECT_EQ(tokenizer->decode(ids, true), one.at("without_special")) << one.at("files").dump();
    EXPECT_EQ(tokenizer->vocab_size(), one.at("size")) << one.at("files").dump();
    const auto eos = read_eos_token(dir.path());
    EXPECT_EQ(eos ? Json(*eos) : Json(), one.at("eos_token")) << one.at("files").dump();
  }
  log::set_quiet(false);
}

TEST(AddedTokens, TheTokenizersEosEndsAnswersBesideTheModels) {
  const TempDir dir;
  const auto tokenizer =
      load_with(dir, {{"tokenizer_config.json", {{"eos_token", {{"content", "<|im_end|>"}}}}}});
  EXPECT_EQ(with_eos_token({0}, *tokenizer, dir.path()), (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(with_eos_token({2, 0}, *tokenizer, dir.path()), (std::vector<int64_t>{2, 0}));
  const TempDir none;
  EXPECT_EQ(with_eos_token({7}, *load_with(none, {}), none.path()), std::vector<int64_t>{7});
}

TEST(AddedTokens, IdsBeyondAnySenseAreRefused) {
  Json json = testing::small_tokenizer();
  json["model"]["vocab"]["c"] = 2000000000;
  expect_user_error([&] { testing::load_tokenizer(json); },
                    {"tokenizer.json", "\"c\"", "too large", "2000000000"});
  const TempDir dir;
  expect_user_error(
      [&] {
        load_with(dir, {{"added_tokens.json", {{"<x>", "384"}}}});
      },
      {"added_tokens.json", "<x>", "384"});
}

}  // namespace
}  // namespace retmask
