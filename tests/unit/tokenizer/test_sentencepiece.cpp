#include <gtest/gtest.h>

#include "support.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

using testing::golden_dir;
using testing::golden_json;
using testing::TempDir;
using Ids = std::vector<int64_t>;

// The golden tokenizer.model with a changed tokenizer_config.json.
std::unique_ptr<const Tokenizer> load_changed(const Json& changes) {
  const TempDir dir;
  std::filesystem::copy_file(golden_dir() / "tokenizer/sentencepiece/tokenizer.model",
                             dir / "tokenizer.model");
  Json config = golden_json("tokenizer/sentencepiece/tokenizer_config.json");
  config.update(changes);
  write_json_file(dir / "tokenizer_config.json", config);
  return Tokenizer::load(dir.path());
}

TEST(SentencePiece, EncodesAndDecodesLikeThePythonLibraries) {
  const Json golden = golden_json("tokenizer/sentencepiece/expected.json");
  const auto tokenizer = Tokenizer::load(golden_dir() / "tokenizer/sentencepiece");
  for (size_t i = 0; i < golden["texts"].size(); ++i) {
    const auto text = golden["texts"][i].get<std::string>();
    SCOPED_TRACE(text);
    const auto ids = golden["ids"][i].get<Ids>();
    EXPECT_EQ(tokenizer->encode(text, /*add_special_tokens=*/true), ids);
    EXPECT_EQ(tokenizer->encode(text, /*add_special_tokens=*/false),
              Ids(ids.begin() + 1, ids.end()));
    EXPECT_EQ(tokenizer->decode(ids, false), golden["decoded"][i].get<std::string>());
    EXPECT_EQ(tokenizer->decode(ids, true), golden["decoded_skip"][i].get<std::string>());
  }
}

TEST(SentencePiece, KnowsItsTokens) {
  const auto tokenizer = Tokenizer::load(golden_dir() / "tokenizer/sentencepiece");
  EXPECT_EQ(tokenizer->vocab_size(), 422);
  EXPECT_EQ(tokenizer->token_id("<s>"), 1);
  EXPECT_EQ(tokenizer->token_id("<mark>"), 421);
  EXPECT_EQ(tokenizer->token_id("no such piece"), std::nullopt);
  EXPECT_TRUE(tokenizer->is_special(2));
  EXPECT_TRUE(tokenizer->is_special(420));
  EXPECT_FALSE(tokenizer->is_special(421));
  EXPECT_EQ(tokenizer->decode(Ids{500}, false), "");
}

TEST(SentencePiece, ObeysTheConfig) {
  const auto plain = load_changed({{"add_bos_token", false}});
  const auto framed = load_changed({{"add_eos_token", true}, {"eos_token", "<|im_end|>"}});
  Ids expected = plain->encode("the dog", /*add_special_tokens=*/true);
  expected.insert(expected.begin(), 1);
  expected.push_back(420);
  EXPECT_EQ(framed->encode("the dog", /*add_special_tokens=*/true), expected);
}

TEST(SentencePiece, LegacyPutsASpaceBehindAddedTokens) {
  const auto tokenizer = load_changed({{"legacy", true}});
  Ids expected = tokenizer->encode("the dog", false);
  expected.insert(expected.begin(), 421);
  EXPECT_EQ(tokenizer->encode("<mark>the dog", false), expected);

  const auto current = load_changed({{"legacy", false}});
  EXPECT_NE(current->encode("<mark>the dog", false), expected);
  EXPECT_EQ(current->encode("<mark> the dog", false), expected);
}

TEST(SentencePiece, MistakesAreNamed) {
  expect_user_error(
      [] {
        load_changed({{"added_tokens_decoder", {{"x", {{"content", "y"}}}}}});
      },
      {"tokenizer_config.json", "\"x\"", "not a token id"});
  const TempDir dir;
  write_file_atomic(dir / "tokenizer.model", "no model");
  expect_user_error([&] { Tokenizer::load(dir.path()); }, {"tokenizer.model", "cannot be loaded"});
}

}  // namespace
}  // namespace retmask
