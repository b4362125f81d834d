// Tests of the complete tokenizer: real ones if the shared data is available, the tiny one,
// threads, and invalid files.

#include <gtest/gtest.h>

#include <thread>

#include "support.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

using testing::golden_json;
using testing::load_tokenizer;
using testing::small_tokenizer;
using testing::TempDir;
using Ids = std::vector<int64_t>;

// The folder of the real tokenizers of shared.json.
std::filesystem::path real_folder(const std::string& name) {
  const std::filesystem::path golden = testing::golden_dir();
  if (name == "smollm2")
    return golden.parent_path().parent_path() / "build/models/SmolLM2-135M-Instruct";
  return std::filesystem::path(RETMASK_SHARED_DIR) / "tokenizers" / name;
}

class RealTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(RealTokenizer, EncodesLikeHuggingFace) {
  const std::filesystem::path folder = real_folder(GetParam());
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const Json golden = golden_json("tokenizer/shared.json");
  const auto tokenizer = Tokenizer::load(folder);
  for (const Json& row : golden["tokenizers"]) {
    if (row["name"] != GetParam()) continue;
    for (size_t i = 0; i < golden["texts"].size(); ++i) {
      const auto text = golden["texts"][i].get<std::string>();
      SCOPED_TRACE(text);
      const auto ids = row["ids"][i].get<Ids>();
      EXPECT_EQ(tokenizer->encode(text, /*add_special_tokens=*/true), ids);
      EXPECT_EQ(tokenizer->decode(ids, /*skip_special_tokens=*/true),
                testing::expected_text(row["decoded_skip"], i, text));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, RealTokenizer, ::testing::Values("llama-3.1", "qwen3", "smollm2"));

TEST(TinyTokenizer, KnowsItsTokens) {
  const auto tokenizer = Tokenizer::load(testing::golden_dir() / "tiny/llama");
  EXPECT_EQ(tokenizer->vocab_size(), 384);
  EXPECT_EQ(tokenizer->token_id("<|im_end|>"), 2);
  EXPECT_EQ(tokenizer->token_id("no such token"), std::nullopt);
  EXPECT_TRUE(tokenizer->is_special(2));
  EXPECT_FALSE(tokenizer->is_special(5));
  EXPECT_FALSE(tokenizer->is_special(100000));

  const std::string text = "<|im_start|>user\nnaïve 你好 🌍<|im_end|>\n";
  const Ids ids = tokenizer->encode(text, /*add_special_tokens=*/true);
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(tokenizer->decode(ids, /*skip_special_tokens=*/false), text);
  EXPECT_EQ(tokenizer->decode(ids, /*skip_special_tokens=*/true), "user\nnaïve 你好 🌍\n");
}

TEST(TinyTokenizer, CutCharactersBecomeReplacementCharacters) {
  const auto tokenizer = Tokenizer::load(testing::golden_dir() / "tiny/llama");
  Ids ids = tokenizer->encode("x🌍", /*add_special_tokens=*/false);
  ASSERT_EQ(ids.size(), 5U);
  ids.pop_back();
  EXPECT_EQ(tokenizer->decode(ids, false), "x\uFFFD");
}

TEST(TinyTokenizer, IdsWithoutATokenDecodeToNothing) {
  const auto tokenizer = Tokenizer::load(testing::golden_dir() / "tiny/llama");
  EXPECT_EQ(tokenizer->decode(Ids{384, 1000000}, false), "");
  expect_user_error([&] { tokenizer->decode(Ids{-1}, false); }, {"-1"});
}

TEST(TinyTokenizer, RefusesInvalidUtf8) {
  const auto tokenizer = Tokenizer::load(testing::golden_dir() / "tiny/llama");
  expect_user_error([&] { tokenizer->encode("ok \xFF", false); }, {"UTF-8", "byte 3"});
}

TEST(TinyTokenizer, ManyThreadsAtOnce) {
  const auto tokenizer = Tokenizer::load(testing::golden_dir() / "tiny/llama");
  const auto encode_all = [&] {
    Ids ids;
    for (int i = 0; i < 2000; ++i) {
      const Ids more = tokenizer->encode("word" + std::to_string(i * i) + " and so on", false);
      ids.insert(ids.end(), more.begin(), more.end());
    }
    return ids;
  };
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (Ids& result : results) threads.emplace_back([&] { result = encode_all(); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) EXPECT_EQ(result, results[0]);
}

// A lossy word cache is correct as long as it never returns another word's ids.
TEST(TinyTokenizer, TheWordCacheChangesNothing) {
  const std::filesystem::path folder = testing::golden_dir() / "tiny/llama";
  const auto used = Tokenizer::load(folder);
  std::string text;
  for (int i = 0; i < 60000; ++i) text += " " + std::to_string(i * 7919) + "x";
  const Ids first = used->encode(text, false);
  EXPECT_EQ(used->encode(text, false), first);
  EXPECT_EQ(used->decode(first, false), text);
}

TEST(TokenizerFile, Missing) {
  const TempDir dir;
  expect_user_error([&] { Tokenizer::load(dir.path()); },
                    {dir.path().string(), "tokenizer.json", "tokenizer.model"});
}

TEST(TokenizerFile, Broken) {
  const TempDir dir;
  write_file_atomic(dir / "tokenizer.json", "{\"model\": {\"vocab\": {\"a\": 0");
  expect_user_error([&] { Tokenizer::load(dir.path()); },
                    {"tokenizer.json", "not valid JSON", "line 1"});
  write_file_atomic(dir / "tokenizer.json", "[]");
  expect_user_error([&] { Tokenizer::load(dir.path()); }, {"tokenizer.json", "object"});
}

struct Mistake {
  const char* pointer;  // the value to replace
  const char* value;
  std::initializer_list<std::string> message;
};

TEST(TokenizerFile, MistakesAndUnsupportedPartsAreNamed) {
  const Mistake mistakes[] = {
      {"/model/type", R"("Unigram")", {"Unigram", "BPE"}},
      {"/model/vocab", "{}", {"model.vocab"}},
      {"/model/vocab", R"({"a": "0"})", {"model.vocab", "\"a\""}},
      {"/model/vocab", R"({"a": -1})", {"model.vocab", "\"a\""}},
      {"/model/vocab", R"({"a": 5000000000})", {"model.vocab", "too large"}},
      {"/model/merges", R"(["a x"])", {"model", "\"x\"", "not in the vocabulary"}},
      {"/model/merges", R"(["b c"])", {"model", "\"bc\""}},
      {"/model/merges", R"(["abc"])", {"merge number 1"}},
      {"/model/merges", R"([["a", "b"], ["a"]])", {"merge number 2"}},
      {"/model/merges", R"([{"a": 1}])", {"merge number 1"}},
      {"/model/dropout", "0.1", {"model.dropout", "0.1"}},
      {"/model/end_of_word_suffix", R"("</w>")", {"model.end_of_word_suffix", "</w>"}},
      {"/model/unk_token", R"("<unk>")", {"<unk>"}},
      {"/normalizer", R"({"type": "Nmt"})", {"normalizer", "Nmt"}},
      {"/normalizer",
       R"({"type": "Replace", "pattern": "x", "content": ""})",
       {"normalizer", "pattern"}},
      {"/pre_tokenizer", R"({"type": "Punctuation"})", {"pre_tokenizer", "Punctuation"}},
      {"/pre_tokenizer",
       R"({"type": "Split", "pattern": {"Regex": "\\w"}, "behavior": "Isolated", "invert": false})",
       {"pre_tokenizer", "\\w"}},
      {"/pre_tokenizer",
       R"({"type": "Split", "pattern": {"String": "x"}, "behavior": "Often", "invert": false})",
       {"pre_tokenizer", "Often"}},
      {"/pre_tokenizer",
       R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": false},
                                                 {"type": "Digits", "individual_digits": true}]})",
       {"pre_tokenizer", "ByteLevel must come last"}},
      {"/normalizer", R"({"type": "Sequence", "normalizers": [null]})", {"normalizer", "null"}},
      {"/pre_tokenizer",
       R"({"type": "Sequence", "pretokenizers": [null]})",
       {"pre_tokenizer", "null"}},
      {"/decoder", R"({"type": "Sequence", "decoders": [null]})", {"decoder", "null"}},
      {"/model/merges", "null", {"model.merges", "no list"}},
      {"/model/merges", R"({"a b": 0})", {"model.merges", "no list"}},
      {"/model/merges", R"("a b")", {"model.merges", "no list"}},
      {"/post_processor", R"({"type": "BertProcessing"})", {"post_processor", "BertProcessing"}},
      {"/post_processor",
       R"({"type": "TemplateProcessing", "single": [], "special_tokens": {}})",
       {"post_processor", "exactly once"}},
      {"/decoder", R"({"type": "WordPiece"})", {"decoder", "WordPiece"}},
      {"/decoder",
       R"({"type": "Strip", "content": "ab", "start": 1, "stop": 0})",
       {"decoder", "one character"}},
      {"/added_tokens", R"([{"id": 7, "content": "a"}])", {"added_tokens", "\"a\"", "7", "0"}},
      {"/added_tokens", R"([{"content": "x"}])", {"added_tokens", "\"id\""}},
  };
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(std::string(mistake.pointer) + " = " + mistake.value);
    Json json = small_tokenizer();
    json[Json::json_pointer(mistake.pointer)] = Json::parse(mistake.value);
    std::vector<std::string> parts(mistake.message);
    parts.push_back("tokenizer.json");
    for (const std::string& part : parts) expect_user_error([&] { load_tokenizer(json); }, {part});
  }
}

TEST(TokenizerFile, BracketsWithoutEndAreAnError) {
  const testing::TempDir dir;
  for (const char* start : {R"({"model": {"vocab": )", R"({"model": {"merges": )", R"({"x": )"}) {
    std::ofstream(dir / "tokenizer.json") << start << std::string(300000, '[');
    expect_user_error([&] { Tokenizer::load(dir.path()); },
                      {"tokenizer.json", "nests arrays and objects"});
  }
}

TEST(TokenizerFile, CharactersOutsideTheVocabularyVanish) {
  const auto tokenizer = load_tokenizer(small_tokenizer());
  EXPECT_EQ(tokenizer->encode("abxc", false), (Ids{3, 2}));
}

}  // namespace
}  // namespace retmask
