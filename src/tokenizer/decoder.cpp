#include "decoder.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "byte_level.h"
#include "metaspace.h"
#include "pattern.h"
#include "regular_expression.h"
#include "retmask/base/error.h"
#include "utf8.h"

namespace retmask::text {
namespace {

class ByteLevelDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += byte_level_to_bytes(token).value_or(token);
    tokens.assign(1, lossy_utf8(bytes));
  }
};

// The byte of "<0xE2>"; nullopt for any other token.
std::optional<char> byte_token(const std::string& token) {
  const auto is_hex = [&](size_t i) {
    return std::isxdigit(static_cast<unsigned char>(token[i])) != 0;
  };
  const bool is_byte = token.size() == 6 && token.starts_with("<0x") && token.ends_with('>') &&
                       is_hex(3) && is_hex(4);
  if (!is_byte) return std::nullopt;
  return static_cast<char>(std::stoi(token.substr(3, 2), nullptr, /*base=*/16));
}

// Consecutive "<0xE2>" tokens become characters, or one U+FFFD each if they are not valid UTF-8
// together.
class ByteFallbackDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (find_invalid_utf8(bytes) == std::string::npos) {
        if (!bytes.empty()) out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), "\uFFFD");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = byte_token(token)) {
        bytes += *byte;
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
};

class FuseDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& tokens) const override { tokens.assign(1, join(tokens)); }
};

class ReplaceDecoder : public TokenDecoder {
 public:
  ReplaceDecoder(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) token = replace_all(token, pattern_, content_);
  }

 private:
  Regex pattern_;
  std::string content_;
};

// Strips up to `start` and `stop` copies of one character from the ends of each token.
class StripDecoder : public TokenDecoder {
 public:
  StripDecoder(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (int64_t i = 0; i < start_ && rest.starts_with(content_); ++i)
        rest.remove_prefix(content_.size());
      for (int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i)
        rest.remove_suffix(content_.size());
      token = std::string(rest);
    }
  }

 private:
  std::string content_;
  int64_t start_;
  int64_t stop_;
};

class MetaspaceDecoder : public TokenDecoder {
 public:
  explicit MetaspaceDecoder(Metaspace metaspace)
      : metaspace_(std::move(metaspace)), marker_(Regex::literal(metaspace_.replacement)) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const bool drop = i == 0 && metaspace_.prepend != Metaspace::Prepend::kNever;
      tokens[i] = replace_all(tokens[i], marker_, drop ? "" : " ");
    }
  }

 private:
  Metaspace metaspace_;
  Regex marker_;
};

class SpaceJoinDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, " ");
  }
};

class SequenceDecoder : public TokenDecoder {
 public:
  explicit SequenceDecoder(std::vector<std::unique_ptr<const TokenDecoder>> steps)
      : steps_(std::move(steps)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (const auto& step : steps_) step->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<const TokenDecoder>> steps_;
};

std::unique_ptr<const TokenDecoder> make_strip(const Json& json, const std::string& where) {
  const auto content = json_get<std::string>(json, "content", where);
  if (count_code_points(content) != 1)
    user_error(where, ": the content of Strip must be one character");
  return std::make_unique<StripDecoder>(
      content, json_get<int64_t>(json, "start", where), json_get<int64_t>(json, "stop", where));
}

}  // namespace

std::string sentencepiece_text(const std::string& token) {
  if (const auto byte = byte_token(token)) return std::string(1, *byte);
  static const Regex kSpace = Regex::literal("▁");
  return replace_all(token, kSpace, " ");
}

std::string join(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

std::unique_ptr<const TokenDecoder> make_token_decoder(const Json& json, const std::string& where) {
  if (json.is_null()) return std::make_unique<SpaceJoinDecoder>();
  const auto type = json_get<std::string>(json, "type", where);
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Replace") {
    return std::make_unique<ReplaceDecoder>(read_pattern(json, where),
                                            json_get<std::string>(json, "content", where));
  }
  if (type == "Strip") return make_strip(json, where);
  if (type == "Metaspace") return std::make_unique<MetaspaceDecoder>(read_metaspace(json, where));
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const TokenDecoder>> steps;
    for (const Json& step : json_get<Json>(json, "decoders", where)) {
      if (step.is_null())
        user_error(where, ": \"decoders\" holds null, expected an object with a type");
      steps.push_back(make_token_decoder(step, where));
    }
    return std::make_unique<SequenceDecoder>(std::move(steps));
  }
  user_error(where,
             ": the type \"",
             type,
             "\" is not supported; supported are ByteLevel, ByteFallback, Fuse, Replace, Strip, "
             "Metaspace and Sequence");
}

std::unique_ptr<const TokenDecoder> make_sentencepiece_decoder(bool strip_space) {
  std::vector<std::unique_ptr<const TokenDecoder>> steps;
  steps.push_back(std::make_unique<ReplaceDecoder>(Regex::literal("▁"), " "));
  steps.push_back(std::make_unique<ByteFallbackDecoder>());
  steps.push_back(std::make_unique<FuseDecoder>());
  if (strip_space) steps.push_back(std::make_unique<StripDecoder>(" ", /*start=*/1, /*stop=*/0));
  return std::make_unique<SequenceDecoder>(std::move(steps));
}

}  // namespace retmask::text
