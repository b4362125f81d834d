#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "retmask/endpoint/chat.h"

namespace retmask::endpoint {
namespace {

// Server messages for a prompt that does not fit: in lower case, without backticks; # matches a
// number, * any text within the message.
constexpr std::array<std::string_view, 27> kWordings = {
    // Codes and types of OpenAI, LiteLLM and llama.cpp.
    "context_length_exceeded",
    "context_window_exceeded",
    "contextwindowexceedederror",
    "exceed_context_size_error",
    // OpenAI, vLLM, DeepSeek, OpenRouter, llama-cpp-python.
    "maximum context length is # token",
    "maximum context length is #, ",
    "exceeds the context window of this model",
    "input tokens exceed the configured limit of #",
    "request too large for *limit #, requested #",  // exceeds the per-minute limit
    // vLLM.
    "context length is only # tokens",
    "prompt*is longer than the maximum model length",
    "prompt*is too long to fit into the model",
    "prompt length # exceeds the max_model_len",
    // SGLang.
    "is longer than the model's context length",
    "exceeds the model's maximum context length",
    "input length*exceeds *maximum *length",
    // Text Generation Inference.
    "inputs must have less than # tokens",
    "inputs tokens + max_new_tokens must be <= #",
    // llama.cpp and its derivatives.
    "exceeds the available context size",
    "tokens (#) exceed context window of #",
    "input length exceeds *context length",
    // Servers of other models with the same protocol.
    "prompt is too long: # tokens > #",
    "maximum prompt length is # but",
    "too large for model with # maximum context length",
    "input token count*exceeds the maximum number of tokens allowed",
    "range of input length should be",
    "reduce the length of the messages",
};

std::string normalised(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\u2019")) {  // typographic apostrophe
      plain += '\'';
      i += 2;
    } else if (text[i] != '`') {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
    }
  }
  return plain;
}

struct Match {
  std::optional<int64_t> first_number;  // matched by the first #
};

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Matches the part of `pattern` before the next * at the start of `text`; advances both past it.
bool take_part(std::string_view& pattern, std::string_view& text, Match& match) {
  while (!pattern.empty() && pattern.front() != '*') {
    if (pattern.front() == '#') {
      std::string digits;
      size_t length = 0;  // 32,768 is one number
      for (;
           length < text.size() && (is_digit(text[length]) || (length > 0 && text[length] == ','));
           ++length) {
        if (is_digit(text[length])) digits += text[length];
      }
      if (digits.empty()) return false;
      int64_t number = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (!match.first_number) match.first_number = number;
      if (text[length - 1] == ',') --length;  // punctuation
      text.remove_prefix(length);
    } else if (!text.empty() && text.front() == pattern.front()) {
      text.remove_prefix(1);
    } else {
      return false;
    }
    pattern.remove_prefix(1);
  }
  return true;
}

// Searches anywhere in `text`; the parts between *s must appear in order.
std::optional<Match> find(std::string_view pattern, std::string_view text) {
  Match match;
  while (!pattern.empty()) {
    bool found = false;
    for (size_t begin = 0; begin < text.size() && !found; ++begin) {
      std::string_view rest_of_pattern = pattern;
      std::string_view rest = text.substr(begin);
      Match tried = match;
      if (!take_part(rest_of_pattern, rest, tried)) continue;
      found = true;
      match = tried;
      pattern = rest_of_pattern;
      text = rest;
    }
    if (!found) return std::nullopt;
    if (!pattern.empty()) pattern.remove_prefix(1);  // the *
  }
  return match;
}

bool says_too_long(const std::string& said, int64_t max_tokens) {
  const std::string text = normalised(said);
  // vLLM, for max_tokens that fills the context by itself and would be rejected with any prompt.
  const std::optional<Match> room = find("max_tokens*is too large*context length is # token", text);
  if (room && *room->first_number <= max_tokens) return false;
  return std::ranges::any_of(
      kWordings, [&](std::string_view wording) { return find(wording, text).has_value(); });
}

// The server's own words in an error reply, without the request, which some servers echo. Keys as
// in {"error": {"message", "type", "code"}}, {"error": "..."}, {"message"}, {"detail": "..."} and
// {"detail": [{"msg"}]}.
void add_words(const Json& json, std::vector<std::string>& words, int depth = 4) {
  if (depth == 0) return;
  if (json.is_string()) words.push_back(json.get<std::string>());
  if (json.is_array()) {
    for (const Json& item : json) {
      if (item.is_object() && item.contains("msg")) add_words(item.at("msg"), words, depth - 1);
    }
  }
  if (!json.is_object()) return;
  for (const char* key : {"error", "message", "detail", "type", "code", "error_type"}) {
    if (json.contains(key)) add_words(json.at(key), words, depth - 1);
  }
}

}  // namespace

bool says_prompt_too_long(int status, const std::string& body, int64_t max_tokens) {
  constexpr size_t kLongestMessage = 4096;  // the echoed request may follow
  if (status == 413) return true;
  const std::optional<Json> parsed = try_parse_json(body);
  const Json json = parsed.value_or(Json());
  std::vector<std::string> words;
  switch (status) {
    case 200:  // used by llama.cpp
      if (json.is_object() && json.contains("error")) add_words(json.at("error"), words);
      break;
    case 400:
    case 422:
    case 429:
    case 500:
      if (!parsed) {
        words.push_back(body);
      } else {
        add_words(json, words);
      }
      break;
    default:
      break;
  }
  return std::ranges::any_of(words, [&](const std::string& said) {
    return says_too_long(said.substr(0, kLongestMessage), max_tokens);
  });
}

}  // namespace retmask::endpoint
