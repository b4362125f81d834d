#include <algorithm>
#include <set>

#include "dict.h"
#include "filters.h"
#include "html.h"
#include "numbers.h"
#include "operators.h"
#include "pretty.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

Value filter_escape(Runtime& runtime, Call& call) {
  return Value::markup(escape_value(runtime, call[0]));
}

Value filter_forceescape(Runtime& runtime, Call& call) {
  return Value::markup(escape_html(str(runtime, call[0])));
}

Value filter_safe(Runtime& runtime, Call& call) { return Value::markup(str(runtime, call[0])); }

Value filter_striptags(Runtime& runtime, Call& call) {
  return Value::text(strip_tags(str(runtime, call[0])));
}

Value filter_xmlattr(Runtime& runtime, Call& call) {
  if (!call[0].is_dict()) {
    if (call[0].is_undefined()) {
      throw PythonError(PythonError::Type::kUndefined, call[0].undefined_message());
    }
    type_error("'" + call[0].type_name() + "' object has no attribute 'items'");
  }
  std::string out;
  for (const auto& [key, value] : call[0].dict_data().entries()) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_text()) type_error("expected string or bytes-like object for an attribute's name");
    if (key.bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      value_error("Invalid character in attribute name: " + repr_text(key.bytes()));
    }
    if (!out.empty()) out += ' ';
    out += escape_value(runtime, key) + "=\"" + escape_value(runtime, value) + "\"";
  }
  if (call.flag(runtime, 1, true) && !out.empty()) out.insert(0, " ");
  return Value::text(std::move(out));
}

std::string quote_url(std::string_view text, bool for_query) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '~' ||
                         (c == '/' && !for_query);
    if (is_safe) {
      out += c;
    } else if (c == ' ' && for_query) {
      out += '+';
    } else {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

Value filter_urlencode(Runtime& runtime, Call& call) {
  const Value& value = call[0];
  if (value.is_text()) return Value::text(quote_url(value.bytes(), /*for_query=*/false));
  Items pairs;
  if (value.is_dict()) {
    for (const auto& [key, item] : value.dict_data().entries()) {
      pairs.push_back(Value::tuple({key, item}));
    }
  } else {
    IteratorPtr iterator;
    try {
      iterator = iterate(runtime, value);
    } catch (const PythonError& error) {
      if (error.type() != PythonError::Type::kType) throw;
      return Value::text(quote_url(str(runtime, value), /*for_query=*/false));
    }
    Value item;
    while (iterator->next(runtime, item)) pairs.push_back(item);
  }
  std::string out;
  for (const Value& pair : pairs) {
    const Items parts = to_items(runtime, pair);
    if (parts.size() != 2) value_error("urlencode needs pairs of a key and a value");
    if (!out.empty()) out += '&';
    out += quote_url(str(runtime, parts[0]), /*for_query=*/true) + "=" +
           quote_url(str(runtime, parts[1]), /*for_query=*/true);
  }
  return Value::text(std::move(out));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    if (!is_space(decode_at(text, at))) {
      word += text.substr(start, at - start);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

// "[\w.+-]{2,}:(/){0,2}"
bool is_scheme(std::string_view text) {
  const std::u32string points = to_code_points(text);
  size_t at = 0;
  while (at < points.size() &&
         (is_word(points[at]) || points[at] == '.' || points[at] == '+' || points[at] == '-')) {
    ++at;
  }
  if (at < 2 || at >= points.size() || points[at] != ':') return false;
  const std::u32string rest = points.substr(at + 1);
  return rest.empty() || rest == U"/" || rest == U"//";
}

Value filter_urlize(Runtime& runtime, Call& call) {
  UrlizeOptions options;
  if (call.is_set(1)) options.trim_limit = index_of(call[1]);
  std::set<std::string> rel{"noopener"};
  if (call.is_set(4)) {
    for (std::string& word : words_of(str(runtime, call[4]))) rel.insert(std::move(word));
  }
  if (call.flag(runtime, 2)) rel.insert("nofollow");
  for (const std::string& word : rel) options.rel += (options.rel.empty() ? "" : " ") + word;
  if (call.is_set(3)) options.target = str(runtime, call[3]);
  if (call.is_set(5)) {
    for (const Value& scheme : to_items(runtime, call[5])) {
      if (!scheme.is_text() || !is_scheme(scheme.bytes())) {
        throw PythonError(PythonError::Type::kTemplate,
                          repr(runtime, scheme) + " is not a valid URI scheme prefix.");
      }
      options.extra_schemes.push_back(scheme.bytes());
    }
  }
  return Value::text(urlize(escape_value(runtime, call[0]), options));
}

Value filter_pprint(Runtime& runtime, Call& call) {
  return Value::text(pretty_repr(runtime, call[0]));
}

constexpr Function kHtmlFilters[] = {
    {"e", "s, /", filter_escape},
    {"escape", "s, /", filter_escape},
    {"forceescape", "value", filter_forceescape},
    {"pprint", "value", filter_pprint},
    {"safe", "value", filter_safe},
    {"striptags", "value", filter_striptags},
    {"urlencode", "value", filter_urlencode},
    {"urlize", "value, trim_url_limit?, nofollow?, target?, rel?, extra_schemes?", filter_urlize},
    {"xmlattr", "d, autospace?", filter_xmlattr},
};

}  // namespace

const Function* find_html_filter(std::string_view name) {
  return find_in_table(kHtmlFilters, name);
}

}  // namespace retmask::jinja
