#include <algorithm>
#include <array>
#include <utility>

#include "forms.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

// Keys of the published configs that hold the heads. Their other keys are settings of those
// programs.
constexpr std::array<std::pair<std::string_view, HeadForm>, 3> kHeadKeys{{
    {"attn_head_set", HeadForm::qrhead},
    {"selected_heads", HeadForm::dysco},
    {"dysco_qrheads", HeadForm::dysco},
}};
constexpr std::string_view kAllHeads = "full_heads";  // QRHead's name of every head

// A list of heads as QRHead writes it (18-6,17-3), as DySCO does ([(18,6),(17,3)]), or as a YAML or
// JSON list of either.
class HeadText {
 public:
  HeadText(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {}

  std::vector<Head> heads() {
    std::vector<Head> heads;
    const bool has_bracket = opens_list();
    if (has_bracket) take('[');
    while (!is_at(']') && !is_at_end()) {
      heads.push_back(head());
      if (!take(',')) break;
    }
    if (has_bracket && !take(']')) fail();
    if (!is_at_end()) fail();
    return heads;
  }

 private:
  // The "[" of a list, not of its first pair.
  bool opens_list() {
    if (!is_at('[')) return false;
    const std::string_view rest = text_.substr(position_ + 1);
    const size_t comma = std::min(rest.find_first_of(",]"), rest.size());
    const std::string_view first = rest.substr(0, comma);
    return first.find_first_of("-([") != std::string_view::npos ||
           first.find_first_not_of(" \t\r\n\"'") == std::string_view::npos;
  }

  Head head() {
    for (const auto& [open, close] : {std::pair('(', ')'), std::pair('[', ']')}) {
      if (!is_at(open)) continue;
      take(open);
      const int64_t layer = index();
      if (!take(',')) fail();
      const Head pair{layer, index()};
      if (!take(close)) fail();
      return pair;
    }
    skip();
    const size_t end = std::min(text_.find_first_not_of("0123456789-", position_), text_.size());
    const std::optional<Head> name = parse_head_name(text_.substr(position_, end - position_));
    if (!name) fail();
    position_ = end;
    return *name;
  }

  int64_t index() {
    skip();
    const size_t end = std::min(text_.find_first_not_of("0123456789", position_), text_.size());
    const std::string digits(text_.substr(position_, end - position_));
    const std::optional<Head> as_head = parse_head_name(digits + "-0");
    if (!as_head) fail();
    position_ = end;
    return as_head->layer;
  }

  // Quotes separate as spaces do: a list may be inside of them, and so may its items.
  void skip() {
    position_ = std::min(text_.find_first_not_of(" \t\r\n\"'", position_), text_.size());
  }
  bool is_at_end() {
    skip();
    return position_ == text_.size();
  }
  bool is_at(char c) {
    skip();
    return position_ < text_.size() && text_[position_] == c;
  }
  bool take(char c) {
    const bool found = is_at(c);
    position_ += found ? 1 : 0;
    return found;
  }

  [[noreturn]] void fail() {
    skip();
    const std::string_view rest = text_.substr(position_);
    const size_t end = std::min<size_t>(rest.find_first_of("\"'\r\n"), 20);
    user_error(where_,
               " has ",
               rest.empty() ? "its end" : "\"" + std::string(rest.substr(0, end)) + "\"",
               " where a head was expected, such as 18-6 or (18,6)");
  }

  std::string_view text_;
  std::string where_;
  size_t position_ = 0;
};

HeadList parse_value(std::string_view key,
                     HeadForm form,
                     std::string_view text,
                     const std::string& place) {
  const std::string where = place + ": \"" + std::string(key) + "\"";
  if (text.find(kAllHeads) != std::string_view::npos) {
    user_error(where, " is ", kAllHeads, ", every head of the model, which selects none");
  }
  return list_in_order(form, HeadText(text, where).heads(), where);
}

// Removes comments: "#" outside of quotes, at the beginning of a line or after a space. The first
// dash of the items of a block list becomes a comma.
std::string plain_value(std::string_view text) {
  std::string value;
  char quote = '\0';
  bool in_comment = false;
  char before = '\n';
  bool line_begins = false;  // the value's first line begins after the key
  for (const char c : text) {
    const bool after_space = before == '\n' || before == ' ' || before == '\t';
    if (c == '\n') in_comment = false;
    if (!in_comment && quote == '\0' && c == '#' && after_space) in_comment = true;
    if (!in_comment) {
      if (quote == c) {
        quote = '\0';
      } else if (quote == '\0' && (c == '"' || c == '\'')) {
        quote = c;
      }
      value += line_begins && c == '-' ? ',' : c;
    }
    line_begins = c == '\n' || (line_begins && (c == ' ' || c == '\t'));
    before = c;
  }
  const size_t first = value.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && value[first] == ',') value[first] = ' ';
  return value;
}

// Of a line "key: value" at the left margin; empty for any other line.
std::string_view key_of(std::string_view line) {
  if (line.empty() || std::string_view(" \t#-\r").find(line.front()) != std::string_view::npos)
    return {};
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  std::string_view key = line.substr(0, colon);
  key = key.substr(0, key.find_last_not_of(" \t\"'") + 1);
  key.remove_prefix(std::min(key.find_first_not_of("\"'"), key.size()));
  return key;
}

}  // namespace

// Reads of YAML what these configs need: a mapping at the left margin, of which one value is the
// list of heads, on one line or continued on indented ones.
HeadList parse_yaml_form(std::string_view text, const std::string& where) {
  std::optional<HeadList> found;
  std::string found_key;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    ++number;
    begin = end + 1;
    const std::string_view key = key_of(line);
    for (const auto& [name, form] : kHeadKeys) {
      if (key != name) continue;
      if (found)
        user_error(where, " has both \"", found_key, "\" and \"", key, "\", expected one of them");
      size_t stop = end;  // of the value: before the next line at the left margin
      while (stop < text.size() && stop + 1 < text.size() &&
             std::string_view(" \t\r\n-#").find(text[stop + 1]) != std::string_view::npos) {
        stop = std::min(text.find('\n', stop + 1), text.size());
      }
      const size_t value = text.find(':', end - line.size()) + 1;
      found = parse_value(key,
                          form,
                          plain_value(text.substr(value, stop - value)),
                          where + ":" + std::to_string(number));
      found_key = key;
    }
  }
  if (!found) user_error(where, " holds something else, expected ", kHeadListForms);
  return *found;
}

std::optional<HeadList> parse_config_object(const Json& config, const std::string& where) {
  std::optional<HeadList> found;
  std::string found_key;
  for (const auto& [name, form] : kHeadKeys) {
    const auto value = config.find(name);
    if (value == config.end()) continue;
    if (found) user_error(where, " has both ", found_key, " and ", name, ", expected one of them");
    found = parse_value(
        name, form, value->is_string() ? value->get<std::string>() : value->dump(), where);
    found_key = name;
  }
  return found;
}

}  // namespace retmask
