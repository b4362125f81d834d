#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/eval/logprob_suite.h"

namespace retmask::eval {
namespace {

std::string nonempty(const Json& row, const std::string& key, const std::string& where) {
  std::string text = json_get<std::string>(row, key, where);
  if (text.empty()) user_error(where, ": \"", key, "\" is empty");
  return text;
}

std::string without_trailing_space(const std::string& text) {
  return text.substr(0, text.find_last_not_of(" \t\n\v\f\r") + 1);
}

}  // namespace

LogprobReader::LogprobReader(const Tokenizer& tokenizer,
                             std::filesystem::path model_dir,
                             const ModelConfig& config,
                             std::optional<Moment> moment)
    : tokenizer_(tokenizer),
      model_dir_(std::move(model_dir)),
      max_tokens_(config.max_positions),
      vocab_size_(config.vocab_size),
      moment_(moment) {}

std::vector<LogprobRow> LogprobReader::read(const std::filesystem::path& path) {
  std::vector<LogprobRow> rows;
  for_each_json_line(path, "data file", [&](const Json& row, int64_t line) {
    const std::string where = path.string() + ":" + std::to_string(line);
    LogprobRow parsed = parse(row, where);
    parsed.id = row.contains("id") ? row["id"] : Json(rows.size());
    check(parsed, where);
    rows.push_back(std::move(parsed));
  });
  if (rows.empty()) user_error("the data file ", path, " is empty");
  return rows;
}

LogprobRow LogprobReader::parse(const Json& row, const std::string& where) {
  LogprobRow parsed;
  const bool has_text = row.contains("text");
  const bool has_messages = row.contains("messages");
  const bool has_completion = row.contains("prompt") && row.contains("completion");
  if (!row.is_object() || has_text + has_messages + has_completion != 1) {
    user_error(
        where,
        ": expected one of {\"text\"}, {\"messages\"} and {\"prompt\", \"completion\"}, found ",
        row.dump().substr(0, 80));
  }
  if (has_text) {
    parsed.tokens = tokenizer_.encode(nonempty(row, "text", where), /*add_special_tokens=*/true);
  } else if (has_messages) {
    parsed.tokens = encode_messages(row, where);
  } else {
    encode_completion(row, where, parsed);
  }
  return parsed;
}

std::vector<int64_t> LogprobReader::encode_messages(const Json& row, const std::string& where) {
  const Json& messages = row["messages"];
  if (!messages.is_array() || messages.empty()) {
    user_error(where, ": \"messages\" is not a list of {\"role\", \"content\"}");
  }
  if (!template_) template_ = ChatTemplate::load(model_dir_);
  const RenderOptions options{
      .add_generation_prompt = false, .variables = Json::object(), .moment = moment_};
  return tokenizer_.encode(template_->render(messages, options), /*add_special_tokens=*/false);
}

void LogprobReader::encode_completion(const Json& row,
                                      const std::string& where,
                                      LogprobRow& parsed) const {
  const auto prompt = json_get<std::string>(row, "prompt", where);
  const std::string completion = nonempty(row, "completion", where);
  parsed.tokens = tokenizer_.encode(prompt + completion, /*add_special_tokens=*/true);
  const auto prompt_tokens =
      tokenizer_.encode(without_trailing_space(prompt), /*add_special_tokens=*/true);
  // A prompt that ends inside a token of the whole text can have more tokens by itself.
  const size_t start = std::min(prompt_tokens.size(), parsed.tokens.size());
  parsed.completion_start = static_cast<int64_t>(start);
}

void LogprobReader::check(const LogprobRow& row, const std::string& where) const {
  const auto tokens = static_cast<int64_t>(row.tokens.size());
  if (tokens == 0) user_error(where, ": the row has no tokens");
  if (tokens > max_tokens_) {
    user_error(where,
               ": the row has ",
               tokens,
               " tokens, more than the model's maximum of ",
               max_tokens_,
               "; shorten it or, if the model can, give --max-position");
  }
  const int64_t largest = *std::max_element(row.tokens.begin(), row.tokens.end());
  if (largest >= vocab_size_) {
    user_error(where,
               ": token id ",
               largest,
               " is outside of the model's vocabulary of ",
               vocab_size_,
               "; do the tokenizer and the model belong together?");
  }
}

}  // namespace retmask::eval
