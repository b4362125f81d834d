#include <gtest/gtest.h>

#include <numeric>

#include "retmask/tokenizer/stop_strings.h"
#include "support.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

using Ids = std::vector<int64_t>;

std::filesystem::path tiny() { return testing::golden_dir() / "tiny/llama"; }

// The smallest number of tokens whose text, decoded as a whole, contains one of `stops`; nullopt if
// there is none.
std::optional<size_t> first_stop(const Tokenizer& tokenizer,
                                 const Ids& ids,
                                 const std::vector<std::string>& stops) {
  for (size_t count = 1; count <= ids.size(); ++count) {
    const std::string text = tokenizer.decode(std::span(ids).first(count), true);
    for (const std::string& stop : stops) {
      if (text.find(stop) != std::string::npos) return count;
    }
  }
  return std::nullopt;
}

std::optional<size_t> first_end(const StopStrings& stop, const Ids& ids) {
  for (size_t count = 1; count <= ids.size(); ++count) {
    if (stop.end_with(std::span(ids).first(count))) return count;
  }
  return std::nullopt;
}

// Long enough that only its end is decoded, with characters that span several tokens everywhere.
std::string long_text() {
  std::string text = "The end of a long text: ";
  for (int i = 0; i < 12; ++i)
    text += "Zürich, 東京 and 🦉🦉 in round " + std::to_string(i) + ".\n";
  return text + "Human: and so on";
}

void expect_found(const Tokenizer& tokenizer, const std::vector<std::string>& stops) {
  const Ids ids = tokenizer.encode(long_text(), /*add_special_tokens=*/false);
  const auto expected = first_stop(tokenizer, ids, stops);
  EXPECT_EQ(first_end(StopStrings(tokenizer, stops), ids), expected) << stops.front();
}

class StopStringsOf : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tokenizers,
                         StopStringsOf,
                         ::testing::Values("tiny/llama", "tokenizer/sentencepiece"),
                         [](const auto& test) {
                           return test.index == 0 ? std::string("Bytes")
                                                  : std::string("SentencePiece");
                         });

TEST_P(StopStringsOf, EndWhereTheWholeTextFirstHoldsOne) {
  const auto tokenizer = Tokenizer::load(testing::golden_dir() / GetParam());
  for (const char* stop : {"Human:",
                           ".\nHuman",
                           "round 11",
                           "京",
                           "🦉 in round 7",
                           "n",
                           " in r",
                           "nowhere",
                           "T",
                           "🦉🦉 in round 9.\nZürich, 東京 and 🦉🦉 in round 10"}) {
    expect_found(*tokenizer, {stop});
  }
  expect_found(*tokenizer, {"nowhere", "round 3", "round 2"});
}

// Each byte of a character is a separate token.
TEST(StopStrings, FindCharactersOfSeveralTokens) {
  const auto tokenizer = Tokenizer::load(tiny());
  const Ids owl = tokenizer->encode("🦉", /*add_special_tokens=*/false);
  ASSERT_EQ(owl.size(), 4U);
  const StopStrings stop(*tokenizer, {"🦉"});
  Ids ids = tokenizer->encode("so", /*add_special_tokens=*/false);
  for (const int64_t byte : owl) {
    EXPECT_FALSE(stop.end_with(ids));
    ids.push_back(byte);
  }
  EXPECT_TRUE(stop.end_with(ids));
}

TEST(StopStrings, SpecialTokensAreNoText) {
  const auto tokenizer = Tokenizer::load(tiny());
  Ids ids = tokenizer->encode("a", /*add_special_tokens=*/false);
  const auto special = tokenizer->token_id("<|im_start|>");
  ASSERT_TRUE(special && tokenizer->is_special(*special));
  ids.push_back(*special);
  for (const int64_t id : tokenizer->encode("b", /*add_special_tokens=*/false)) ids.push_back(id);
  EXPECT_TRUE(StopStrings(*tokenizer, {"ab"}).end_with(ids));
  EXPECT_FALSE(StopStrings(*tokenizer, {"im_start"}).end_with(ids));
}

TEST(StopStrings, CutBeforeTheFirst) {
  const auto tokenizer = Tokenizer::load(tiny());
  const auto before = [&](const std::vector<std::string>& stops, const std::string& text) {
    return StopStrings(*tokenizer, stops).text_before(tokenizer->encode(text, false));
  };
  EXPECT_EQ(before({"End", "###"}, "a ### b End ###"), "a ");
  EXPECT_EQ(before({"End", "###"}, "End"), "");
  EXPECT_EQ(before({"End", "###"}, "nothing here"), "nothing here");
  EXPECT_EQ(before({}, "all of it"), "all of it");
  EXPECT_FALSE(StopStrings(*tokenizer, {}).end_with(Ids{5, 6}));
}

TEST(StopStrings, ASpecialTokenInThemIsFound) {
  const auto tokenizer = Tokenizer::load(tiny());
  const std::string text = "<|im_start|>Zürich<|im_start|> and 東京 on.<|im_end|>\nEnd";
  const Ids ids = tokenizer->encode(text, false);
  const auto end = [&](const std::vector<std::string>& stops) {
    return first_end(StopStrings(*tokenizer, stops), ids);
  };
  const size_t turn_end = tokenizer->encode(text.substr(0, text.find("\nEnd")), false).size();
  EXPECT_EQ(end({"<|im_end|>"}), turn_end);
  EXPECT_EQ(end({"n.<|im_end|>"}), turn_end);
  EXPECT_EQ(end({"<|im_end|>\n"}), turn_end + 1);
  EXPECT_EQ(end({"nowhere", "<|im_end|>"}), turn_end);
  EXPECT_EQ(end({"<|endoftext|>"}), std::nullopt);

  const auto before = [&](const std::vector<std::string>& stops) {
    return StopStrings(*tokenizer, stops).text_before(ids);
  };
  EXPECT_EQ(before({"<|im_end|>"}), "Zürich and 東京 on.");
  EXPECT_EQ(before({"n.<|im_end|>\n"}), "Zürich and 東京 o");
  EXPECT_EQ(before({"<|im_end|>", "and"}), "Zürich ");
  EXPECT_EQ(before({"<|endoftext|>"}), "Zürich and 東京 on.\nEnd");
}

TEST(StopStrings, MistakesAreUserErrors) {
  expect_user_error([] { check_stop_strings({"a", ""}, "--stop"); }, {"--stop", "empty"});
  expect_user_error([] { check_stop_strings({"a\xff"}, "--stop"); }, {"--stop", "UTF-8"});
  check_stop_strings({"a", "🦉"}, "--stop");
}

}  // namespace
}  // namespace retmask
