#include "normalizer.h"

#include <utility>
#include <vector>

#include "pattern.h"
#include "regular_expression.h"
#include "retmask/base/error.h"
#include "unicode.h"
#include "unicode_form.h"
#include "utf8.h"

namespace retmask::text {
namespace {

class FormNormalizer : public Normalizer {
 public:
  explicit FormNormalizer(UnicodeForm form) : form_(form) {}
  void apply(std::string& text) const override { to_unicode_form(form_, text); }

 private:
  UnicodeForm form_;
};

class LowercaseNormalizer : public Normalizer {
 public:
  void apply(std::string& text) const override { text = lowercase(text); }
};

class PrependNormalizer : public Normalizer {
 public:
  explicit PrependNormalizer(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class ReplaceNormalizer : public Normalizer {
 public:
  ReplaceNormalizer(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::string& text) const override { text = replace_all(text, pattern_, content_); }

 private:
  Regex pattern_;
  std::string content_;
};

class StripNormalizer : public Normalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}

  void apply(std::string& text) const override {
    size_t begin = 0;
    size_t end = text.size();
    while (left_ && begin < end) {
      size_t at = begin;
      if (!is_white_space(next_code_point(text, at))) break;
      begin = at;
    }
    while (right_ && begin < end) {
      size_t at = end;
      if (!is_white_space(previous_code_point(text, at))) break;
      end = at;
    }
    text = text.substr(begin, end - begin);
  }

 private:
  bool left_;
  bool right_;
};

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<const Normalizer>> steps)
      : steps_(std::move(steps)) {}
  void apply(std::string& text) const override {
    for (const auto& step : steps_) step->apply(text);
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const Json& json, const std::string& where) {
  if (json.is_null()) return nullptr;
  const auto type = json_get<std::string>(json, "type", where);
  if (const auto form = unicode_form(type)) return std::make_unique<FormNormalizer>(*form);
  if (type == "Lowercase") return std::make_unique<LowercaseNormalizer>();
  if (type == "Prepend") {
    return std::make_unique<PrependNormalizer>(json_get<std::string>(json, "prepend", where));
  }
  if (type == "Replace") {
    return std::make_unique<ReplaceNormalizer>(read_pattern(json, where),
                                               json_get<std::string>(json, "content", where));
  }
  if (type == "Strip") {
    return std::make_unique<StripNormalizer>(json_get<bool>(json, "strip_left", where),
                                             json_get<bool>(json, "strip_right", where));
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const Normalizer>> steps;
    for (const Json& step : json_get<Json>(json, "normalizers", where)) {
      if (step.is_null())
        user_error(where, ": \"normalizers\" holds null, expected an object with a type");
      steps.push_back(make_normalizer(step, where));
    }
    return std::make_unique<SequenceNormalizer>(std::move(steps));
  }
  user_error(
      where,
      ": the type \"",
      type,
      "\" is not supported; supported are NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, "
      "Strip and Sequence");
}

}  // namespace retmask::text
