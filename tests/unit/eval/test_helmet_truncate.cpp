// How HELMET cuts contexts: the functions of fixtures.jsonl that need a tokenizer and a chat
// template (the others: test_eval_fixtures). The files: RETMASK_EVAL_FIXTURES, or ../shared.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>

#include "builtin_data.h"
#include "helmet_truncate.h"
#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/token_spans.h"

namespace retmask::eval::helmet {
namespace {

std::filesystem::path fixtures_path() {
  const char* given = std::getenv("RETMASK_EVAL_FIXTURES");
  return given != nullptr ? given : RETMASK_SHARED_DIR "/eval/fixtures.jsonl";
}

std::filesystem::path tokenizer_folder(const Json& args, const char* key) {
  return std::filesystem::path(RETMASK_SHARED_DIR "/tokenizers") / args.at(key).get<std::string>();
}

const Tokenizer& tokenizer_in(const std::filesystem::path& folder) {
  static std::map<std::filesystem::path, std::unique_ptr<const Tokenizer>> loaded;
  auto& tokenizer = loaded[folder];
  if (!tokenizer) tokenizer = Tokenizer::load(folder);
  return *tokenizer;
}

std::string rendered(const std::filesystem::path& folder, const std::string& user) {
  return ChatTemplate::load(folder)->render(Json::array({{{"role", "user"}, {"content", user}}}),
                                            {});
}

Json truncate_prompt(const Json& args) {
  const std::filesystem::path folder = tokenizer_folder(args, "tokenizer");
  const bool is_chat = args.at("use_chat_template");
  const auto context = args.at("context").get<std::string>();
  std::string used;
  const auto render = [&](const std::string& cut) {
    used = cut;
    const std::string text = fill_template(
        args.at(is_chat ? "user_template" : "prompt_template").get<std::string>(),
        {{"context", cut}, {"demo", args.at("demo")}, {"question", args.at("question")}});
    return is_chat ? rendered(folder, text) : text;
  };
  const auto limit =
      args.at("input_max_length").get<int64_t>() - args.at("generation_max_length").get<int64_t>();
  const FittedPrompt prompt =
      fit_prompt(tokenizer_in(folder),
                 {.context = context, .render = render, .is_chat = is_chat, .limit = limit});
  const auto& ids = prompt.tokens;
  return {{"context", used == context ? Json() : Json(used)},
          {"context_chars", jinja::count_code_points(used)},
          {"input_len", ids.size()},
          {"head", std::vector<int64_t>(ids.begin(), ids.begin() + 8)},
          {"tail", std::vector<int64_t>(ids.end() - 8, ids.end())}};
}

Json truncate_llama2_rule(const Json& args) {
  const auto cut = cut_documents(tokenizer_in(tokenizer_folder(args, "length_tokenizer")),
                                 args.at("context").get<std::string>(),
                                 args.at("max_length").get<int64_t>());
  return {{"changed", cut.has_value()}, {"context", cut ? Json(*cut) : Json()}};
}

Json chat_user_only(const Json& args) {
  return rendered(tokenizer_folder(args, "tokenizer"), args.at("user").get<std::string>());
}

TEST(HelmetTruncateTest, EqualsTheOriginalFunctions) {
  if (!std::filesystem::exists(fixtures_path())) {
    GTEST_SKIP() << fixtures_path() << " is not here; set RETMASK_EVAL_FIXTURES";
  }
  const std::map<std::string, Json (*)(const Json&)> functions = {
      {"helmet_truncate_prompt", truncate_prompt},
      {"helmet_truncate_llama2_rule", truncate_llama2_rule},
      {"chat_user_only", chat_user_only}};
  std::map<std::string, std::pair<int64_t, int64_t>> passed_of;
  for_each_json_line(fixtures_path(), "fixtures", [&](const Json& row, int64_t line) {
    const auto function = functions.find(row.at("fn").get<std::string>());
    if (function == functions.end()) return;
    auto& [passed, total] = passed_of[function->first];
    ++total;
    const Json actual = function->second(row.at("args"));
    const Json& expected = row.at("expected");
    const bool equal = nlohmann::json(actual) == nlohmann::json(expected);
    passed += equal;
    EXPECT_TRUE(equal) << "line " << line << ": expected " << expected.dump() << "\n  actual "
                       << actual.dump();
  });
  for (const auto& [name, counts] : passed_of) {
    std::cout << "  " << name << ": " << counts.first << " of " << counts.second << std::endl;
  }
  EXPECT_EQ(passed_of.size(), functions.size());
}

TEST(TokenSpansTest, CoverTheText) {
  for (const char* name : {"llama-3.1", "qwen3"}) {
    const std::filesystem::path folder =
        std::filesystem::path(RETMASK_SHARED_DIR "/tokenizers") / name;
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
    const Tokenizer& tokenizer = tokenizer_in(folder);
    // Plain, composed by Qwen's NFC (e + acute, Hangul in three parts), and of many bytes.
    for (const std::string text : {"The cat. 12345",
                                   "cafe\u0301 x \u1112\u1161\u11ab y",
                                   "日本語の\n\n 文章🙂!",
                                   ""}) {
      size_t end = 0;
      for (const TokenSpan& span : token_spans(tokenizer, text)) {
        EXPECT_LE(span.begin, span.end);
        EXPECT_LE(span.begin, end) << name << ": " << text;  // no gap
        end = std::max(end, span.end);
      }
      EXPECT_EQ(end, text.size()) << name << ": " << text;
    }
  }
}

TEST(HelmetTruncateTest, RefusesAContextThatIsTooShort) {
  const std::filesystem::path folder = RETMASK_GOLDEN_DIR "/tiny/llama";
  const auto render = [](const std::string& context) { return context + std::string(500, 'x'); };
  EXPECT_THROW(fit_prompt(tokenizer_in(folder), {.context = "a b", .render = render, .limit = 10}),
               UserError);
}

}  // namespace
}  // namespace retmask::eval::helmet
