#include <gtest/gtest.h>

#include "retmask/synthesize/prompts.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::expect_user_error;
using testing::golden;
using testing::ids;
using testing::TemporaryDir;
using Ids = std::vector<std::string>;
using Counts = std::map<SkipReason, int64_t>;

// {"id": "a", "messages": [turns], more fields}; the turns alternate between user and assistant.
std::string row(const std::string& id, const std::vector<std::string>& turns, Json more = {}) {
  Json messages = Json::array();
  for (size_t i = 0; i < turns.size(); ++i) {
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", turns[i]}});
  }
  Json all = {{"id", id}, {"messages", messages}};
  if (more.is_object()) all.update(more);
  return all.dump() + "\n";
}

class PromptFiltersTest : public ::testing::Test {
 protected:
  PromptSet read(const std::string& rows) {
    options_.files = {dir_.write("p.jsonl", rows)};
    return read_prompts(options_);
  }
  void expect_error(const std::string& rows, const std::vector<std::string>& parts) {
    expect_user_error([&] { read(rows); }, parts);
  }

  const TemporaryDir dir_;
  PromptOptions options_;
  PromptFilters& filters_ = options_.filters;
};

TEST_F(PromptFiltersTest, AllTurnsEndWithTheLastUserTurn) {
  options_.turns = Turns::all;
  const PromptSet set = read(row("a", {"1", "2", "3", "4"}) + row("b", {"1"}) +
                             row("c", {"1", "2", " "}) + row("d", {"", "2", "3"}));
  EXPECT_EQ(ids(set.prompts), (Ids{"a", "b", "d"}));
  EXPECT_EQ(set.left_out, (Counts{{SkipReason::blank, 1}}));
  EXPECT_EQ(set.prompts[0].messages, Json::parse(R"([{"role": "user", "content": "1"},
      {"role": "assistant", "content": "2"}, {"role": "user", "content": "3"}])"));
  EXPECT_EQ(set.prompts[1].messages.size(), 1u);
}

TEST_F(PromptFiltersTest, AllTurnsBeginWithSystemOrUser) {
  options_.turns = Turns::all;
  const auto messages = [&](const std::string& text) {
    return read(Json{{"conversations", Json::parse(text)}}.dump()).prompts.at(0).messages;
  };
  EXPECT_EQ(messages(R"([{"from": "gpt", "value": "0"}, {"from": "human", "value": "1"},
                         {"from": "gpt", "value": "2"}, {"from": "human", "value": "3"}])")
                .size(),
            3u);
  EXPECT_EQ(
      messages(R"([{"from": "system", "value": "s"}, {"from": "human", "value": "1"},
                         {"from": "gpt", "value": "2"}])"),
      Json::parse(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "1"}])"));
}

TEST_F(PromptFiltersTest, LanguageWhateverTheCase) {
  filters_.languages = {"german", "FRENCH"};
  const PromptSet set =
      read(row("a", {"x"}, {{"language", "German"}}) + row("b", {"x"}, {{"language", "English"}}) +
           row("c", {"x"}) + row("d", {"x"}, {{"language", "french"}}));
  EXPECT_EQ(ids(set.prompts), (Ids{"a", "d"}));
  EXPECT_EQ(set.left_out, (Counts{{SkipReason::language, 2}}));
  expect_error(row("a", {"x"}) + row("b", {"y"}), {"--language", "2 rows", "\"language\""});
  expect_error(row("a", {"x"}, {{"language", "Latin"}}), {"no prompt is left", "1 language"});
}

TEST_F(PromptFiltersTest, RedactedRows) {
  const std::string rows = row("a", {"x"}, {{"redacted", true}}) + row("b", {"x"});
  EXPECT_EQ(ids(read(rows).prompts), (Ids{"a", "b"}));
  filters_.exclude_redacted = true;
  EXPECT_EQ(ids(read(rows).prompts), Ids{"b"});
  expect_error(row("a", {"x"}, {{"redacted", nullptr}}), {"--exclude-redacted", "\"redacted\""});
  for (const Json& marked : {Json(1), Json("true"), Json::array({true})})
    expect_error(row("a", {"x"}, {{"redacted", marked}}), {":1", "\"redacted\""});
}

TEST_F(PromptFiltersTest, ToxicOrElseFlaggedRows) {
  const Json flagged = Json::array({{{"flagged", false}}, {{"flagged", true}}});
  const Json fine = Json::array({{{"flagged", false}}});
  filters_.exclude_toxic = true;
  const PromptSet set = read(row("a", {"x"}, {{"toxic", true}}) +
                             row("b", {"x"}, {{"toxic", false}, {"openai_moderation", flagged}}) +
                             row("c", {"x"}, {{"openai_moderation", flagged}}) +
                             row("d", {"x"}, {{"openai_moderation", fine}}) + row("e", {"x"}));
  EXPECT_EQ(ids(set.prompts), (Ids{"b", "d", "e"})) << "WildChat's own flag takes precedence";
  EXPECT_EQ(set.left_out, (Counts{{SkipReason::toxic, 2}}));
  expect_error(row("a", {"x"}), {"--exclude-toxic", "\"toxic\" or \"openai_moderation\""});
}

TEST_F(PromptFiltersTest, UserTurnsOfTheWholeConversation) {
  filters_.min_turns = 2;
  filters_.max_turns = 2;
  const PromptSet set =
      read(row("a", {"1"}) + row("b", {"1", "2", "3"}) + row("c", {"1", "2", "3", "4", "5"}));
  EXPECT_EQ(ids(set.prompts), Ids{"b"});
  EXPECT_EQ(set.prompts[0].messages.size(), 1u) << "the first turn is still answered";
  EXPECT_EQ(set.left_out, (Counts{{SkipReason::turns, 2}}));
}

TEST_F(PromptFiltersTest, OfDuplicatesTheFirstStays) {
  const std::string rows =
      row("a", {"x", "1"}) + row("b", {"y"}) + row("c", {"x", "2"}) + row("d", {"x ", "1"});
  filters_.deduplicate = true;
  EXPECT_EQ(ids(read(rows).prompts), (Ids{"a", "b", "d"})) << "exact duplicates only";
  options_.turns = Turns::all;
  EXPECT_EQ(ids(read(rows).prompts), (Ids{"a", "b", "d"}))
      << "later turns are not part of the prompt";
  filters_.exclude_redacted = true;
  const PromptSet set =
      read(row("a", {"x"}, {{"redacted", true}}) + row("b", {"x"}) + row("c", {"x"}));
  EXPECT_EQ(ids(set.prompts), Ids{"b"}) << "filters are applied first";
  EXPECT_EQ(set.left_out, (Counts{{SkipReason::redacted, 1}, {SkipReason::duplicate, 1}}));
}

TEST_F(PromptFiltersTest, TheFirstReasonCounts) {
  filters_.languages = {"English"};
  filters_.exclude_redacted = true;
  filters_.exclude_toxic = true;
  filters_.min_turns = 2;
  const Json bad = {{"language", "Greek"}, {"redacted", true}, {"toxic", true}};
  const Json good = {{"language", "English"}, {"redacted", false}, {"toxic", false}};
  const PromptSet set = read(row("a", {" "}, bad) + row("b", {"x"}, bad) +
                             row("c", {"x", "y", "z"}, good) + row("d", {"x"}, good));
  EXPECT_EQ(ids(set.prompts), Ids{"c"});
  EXPECT_EQ(set.left_out,
            (Counts{{SkipReason::blank, 1}, {SkipReason::language, 1}, {SkipReason::turns, 1}}));
  EXPECT_EQ(set.describe(), "1 of 4 prompts (left out: 1 blank, 1 language, 1 turns)");
}

TEST_F(PromptFiltersTest, IdsDoNotDependOnTheFilters) {
  const std::string rows = row("a", {"x"}, {{"language", "English"}}) +
                           row("a", {"y"}, {{"language", "Greek"}}) +
                           row("b", {"z"}, {{"language", "English"}}) + row("b", {" "});
  EXPECT_EQ(ids(read(rows).prompts), (Ids{"p.jsonl:1", "p.jsonl:2", "p.jsonl:3"}));
  filters_.languages = {"English"};
  EXPECT_EQ(ids(read(rows).prompts), (Ids{"p.jsonl:1", "p.jsonl:3"}));
}

TEST_F(PromptFiltersTest, TokensOfTheRenderedPrompt) {
  PromptSet set = read(row("a", {"x"}) + row("b", {"x x x x x x x x x x"}) + row("c", {"y"}));
  const PromptEncoder encoder(golden("tiny/llama"), Json::object());
  const auto tokens = static_cast<int64_t>(encoder.encode(set.prompts[0]).size());
  PromptSet shortest = set;
  leave_out_by_tokens({.max_tokens = tokens}, encoder, shortest);
  EXPECT_EQ(ids(shortest.prompts), (Ids{"a", "c"}));
  EXPECT_EQ(shortest.left_out, (Counts{{SkipReason::tokens, 1}}));
  leave_out_by_tokens({.min_tokens = tokens + 1}, encoder, set);
  EXPECT_EQ(ids(set.prompts), Ids{"b"});
}

TEST_F(PromptFiltersTest, MistakesAreUserErrors) {
  const auto expect = [](const PromptFilters& filters, const std::vector<std::string>& parts) {
    expect_user_error([&] { filters.validate(); }, parts);
  };
  expect({.min_turns = -1}, {"--min-turns is -1"});
  expect({.max_turns = -1}, {"--max-turns is -1"});
  expect({.min_turns = 3, .max_turns = 2}, {"--min-turns 3", "--max-turns 2"});
  expect({.min_tokens = 30, .max_tokens = 20}, {"--min-prompt-tokens 30", "20"});
  expect_user_error([] { parse_turns("last"); }, {"--turns", "last", "first, all"});
}

TEST_F(PromptFiltersTest, PublishedColumns) {
  filters_ = {.languages = {"english"}, .exclude_redacted = true, .exclude_toxic = true};
  options_.files = {golden("prompts/lmsys.parquet")};
  const PromptSet lmsys = read_prompts(options_);
  EXPECT_EQ(ids(lmsys.prompts), Ids{"33f0"});
  EXPECT_EQ(lmsys.left_out,
            (Counts{{SkipReason::blank, 1}, {SkipReason::redacted, 1}, {SkipReason::toxic, 1}}));
  options_.files = {golden("prompts/wildchat.parquet")};
  const PromptSet wildchat = read_prompts(options_);
  EXPECT_EQ(ids(wildchat.prompts), Ids{"wildchat.parquet:1"});
  EXPECT_EQ(wildchat.left_out, (Counts{{SkipReason::language, 1}, {SkipReason::toxic, 1}}));
}

}  // namespace
}  // namespace retmask::synthesize
