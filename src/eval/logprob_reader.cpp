#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/eval/logprob_suite.h"
#include "retmask/rows/messages.h"
#include "retmask/rows/row_files.h"

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
  std::vector<LogprobRow> found;
  std::vector<std::string> columns = {"id", "text", "messages", "prompt", "completion"};
  for (std::string& column : rows::context_columns()) columns.push_back(std::move(column));
  rows::for_each_row({.path = path, .what = "data file", .columns = std::move(columns)},
                     [&](const Json& row, int64_t, const std::string& where) {
                       LogprobRow parsed = at_place(where, [&] { return parse(row, where); });
                       parsed.id = row.contains("id") ? row["id"] : Json(found.size());
                       check(parsed, where);
                       found.push_back(std::move(parsed));
                     });
  if (found.empty()) user_error("the data file ", path, " is empty");
  return found;
}

LogprobRow LogprobReader::parse(const Json& row, const std::string& where) {
  LogprobRow parsed;
  // Rows of a Parquet file have all columns; unused ones are null.
  const auto has = [&](const char* column) {
    return row.contains(column) && !row.at(column).is_null();
  };
  const bool has_text = has("text");
  const bool has_messages = has("messages");
  const bool has_completion = has("prompt") && has("completion");
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
  const Json messages = rows::with_context(
      row,
      rows::standard_messages(row["messages"], "messages", where, rows::MessageFields::all),
      where,
      rows::MessageFields::all);
  if (messages.empty()) {
    user_error(where, ": \"messages\" is not a list of {\"role\", \"content\"}");
  }
  rows::refuse_media(row, where);
  if (!template_) template_ = ChatTemplate::load(model_dir_);
  const RenderOptions options{.add_generation_prompt = false,
                              .variables = rows::template_variables(row, where),
                              .moment = moment_};
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
  // A prompt that ends inside a token of the full text can have more tokens when encoded alone.
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
