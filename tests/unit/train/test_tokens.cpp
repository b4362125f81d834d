#include <fstream>

#include "retmask/train/examples.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(RETMASK_GOLDEN_DIR);
const fs::path kTinyModel = kGolden / "tiny/llama";

class Tokens : public ::testing::Test {
 protected:
  std::unique_ptr<const Tokenizer> tokenizer_ = Tokenizer::load(kTinyModel);
  RowTokenizer rows_{*tokenizer_, kTinyModel};
};

void expect_tokens(const TrainingExample& ours, const Json& trl, const std::string& where) {
  EXPECT_EQ(ours.prompt, trl.at("prompt").get<TokenIds>()) << where;
  EXPECT_EQ(ours.chosen, trl.at("chosen").get<TokenIds>()) << where;
  EXPECT_EQ(ours.rejected, trl.value("rejected", TokenIds())) << where;
}

TEST_F(Tokens, EqualTrls) {
  const Json golden = read_json_file(kGolden / "dpo/tokens.json", "golden file");
  for (const auto& [name, golden_case] : golden.items()) {
    const LossKind loss = name.ends_with("sft") ? LossKind::sft : LossKind::dpo;
    const Json& rows = golden_case.at("rows");
    const Json pairs = rows.is_string() ? Json(read_json_lines(kGolden / rows, "pairs")) : rows;
    ASSERT_EQ(pairs.size(), golden_case.at("tokens").size());
    for (size_t i = 0; i < pairs.size(); ++i) {
      const std::string where = name + " row " + std::to_string(i);
      expect_tokens(
          rows_.tokenize(parse_row(pairs[i], loss, where)), golden_case.at("tokens")[i], where);
    }
  }
}

TEST_F(Tokens, MessagesAreThePairsChosenAnswer) {
  const Json pair = read_json_lines(kGolden / "pairs32.jsonl", "pairs").at(30);
  Json messages = pair.at("prompt");
  messages.push_back(pair.at("chosen").at(0));
  const auto from_pair = rows_.tokenize(parse_row(pair, LossKind::sft, "pair"));
  const auto from_messages =
      rows_.tokenize(parse_row({{"messages", messages}}, LossKind::sft, "messages"));
  EXPECT_EQ(from_messages.prompt, from_pair.prompt);
  EXPECT_EQ(from_messages.chosen, from_pair.chosen);
}

TEST_F(Tokens, ATemplateThatRewritesThePromptIsRefused) {
  const testing::TempDir folder;
  const fs::path model = folder / "model";
  fs::copy(kTinyModel, model);
  std::ofstream(model / "chat_template.jinja")
      << "{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}"
         "{% if add_generation_prompt %}[think]\n{% endif %}";
  const RowTokenizer rows(*tokenizer_, model);
  const Json pair = read_json_lines(kGolden / "pairs32.jsonl", "pairs").at(0);
  expect_user_error([&] { rows.tokenize(parse_row(pair, LossKind::dpo, "pairs.jsonl:1")); },
                    {"pairs.jsonl:1", "[think]\\n", "[assistant] Put the egg"});
}

TEST_F(Tokens, IdsBeyondTheModelNameTheRow) {
  const RowTokenizer rows(
      *tokenizer_, kTinyModel, /*moment=*/std::nullopt, /*model_vocab_size=*/300);
  const TextRow row = parse_row(
      {{"prompt", "1"}, {"chosen", "x"}, {"rejected", " and"}}, LossKind::dpo, "pairs.jsonl:7");
  expect_user_error([&] { rows.tokenize(row); }, {"pairs.jsonl:7", "token id 303", "300", " and"});
  rows_.tokenize(row);
}

// Prompts and answers of one to a few tokens each, as plain text.
fs::path write_rows(const testing::TempDir& folder, const std::vector<std::string>& prompts) {
  std::vector<Json> rows;
  for (const std::string& prompt : prompts) {
    rows.push_back({{"prompt", prompt}, {"chosen", "abcdef"}, {"rejected", "x"}});
  }
  write_json_lines(folder / "rows.jsonl", rows);
  return folder / "rows.jsonl";
}

TEST_F(Tokens, LongRows) {
  const testing::TempDir folder;
  const auto file = write_rows(folder, {"1", "1234567890123456789", "123"});
  Options options;
  const auto whole = read_examples({file}, rows_, options, /*max_positions=*/100);
  ASSERT_EQ(whole.size(), 3u);
  options.max_length = whole[2].longest() - 2;
  ASSERT_LE(whole[0].longest(), options.max_length);
  ASSERT_GE(static_cast<int64_t>(whole[1].prompt.size()), options.max_length);

  expect_user_error([&] { read_examples({file}, rows_, options, 100); },
                    {"2 of 3 rows", "rows.jsonl:2", "--long-rows"});
  options.long_rows = LongRows::drop;
  EXPECT_EQ(read_examples({file}, rows_, options, 100).size(), 1u);
  options.long_rows = LongRows::truncate;
  const auto cut = read_examples({file}, rows_, options, 100);
  ASSERT_EQ(cut.size(), 2u) << "a prompt that fills the limit leaves nothing to learn";
  EXPECT_EQ(cut[1].longest(), options.max_length);
  EXPECT_EQ(cut[1].chosen, TokenIds(whole[2].chosen.begin(), whole[2].chosen.end() - 2));
  EXPECT_EQ(cut[1].rejected, whole[2].rejected);
}

TEST_F(Tokens, TheModelsOwnLimitHolds) {
  const testing::TempDir folder;
  const auto file = write_rows(folder, {"1234567890"});
  Options options;
  expect_user_error([&] { read_examples({file}, rows_, options, /*max_positions=*/8); },
                    {"longer than 8 tokens"});
  options.max_length = 9;
  expect_user_error([&] { read_examples({file}, rows_, options, 8); }, {"--max-length 9", "8"});
}

TEST_F(Tokens, FilesWithoutRowsAreRefused) {
  const testing::TempDir folder;
  std::ofstream(folder / "rows.jsonl") << "\n";
  expect_user_error([&] { read_examples({folder / "rows.jsonl"}, rows_, {}, 8); }, {"no rows"});
  expect_user_error([&] { read_examples({folder / "absent"}, rows_, {}, 8); }, {"does not exist"});
}

TEST(TrainingExamples, HashSeesEveryTokenAndItsRole) {
  const TrainingExample example{.where = "a", .prompt = {1}, .chosen = {2, 3}, .rejected = {4}};
  TrainingExample moved = example;
  moved.chosen = {2};
  moved.rejected = {3, 4};
  TrainingExample renamed = example;
  renamed.where = "b";
  EXPECT_NE(hash_examples({example}), hash_examples({moved}));
  EXPECT_EQ(hash_examples({example}), hash_examples({renamed}));
  EXPECT_NE(hash_examples({example}), hash_examples({example, example}));
}

}  // namespace
}  // namespace retmask::train
