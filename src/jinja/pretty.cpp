#include "pretty.h"

#include <algorithm>

#include "dict.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

constexpr int64_t kColumns = 80;

int64_t width_of(const std::string& text) { return static_cast<int64_t>(count_code_points(text)); }

class PrettyPrinter {
 public:
  explicit PrettyPrinter(Runtime& runtime) : runtime_(runtime) {}

  std::string take() { return std::move(out_); }

  // `allowance`: columns needed by the closing brackets.
  void print(const Value& value, int64_t indent, int64_t allowance, int level) {
    const std::string text = one_line(value);
    if (width_of(text) <= kColumns - indent - allowance) {
      out_ += text;
    } else if (value.is_dict()) {
      print_dict(value, indent, allowance + 1, level + 1);
    } else if (value.is_list() || (value.is_tuple() && !value.tuple_data().is_group)) {
      print_items(value, indent, allowance, level + 1);
    } else if (value.is_text() && !value.is_markup() && !value.bytes().empty()) {
      print_text(value.bytes(), indent, allowance, level + 1);
    } else {
      out_ += text;
    }
  }

 private:
  std::vector<const Dict::Entry*> sorted_entries(const Value& dict) {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.dict_data().entries()) entries.push_back(&entry);
    const auto before = [&](const Value& a, const Value& b) {
      runtime_.step();
      try {
        return ordered(runtime_, a, Order::kLess, b);
      } catch (const PythonError& error) {
        if (error.type() != PythonError::Type::kType) throw;
        return a.type_name() < b.type_name();
      }
    };
    std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
      return before(a->first, b->first);
    });
    return entries;
  }

  std::string one_line(const Value& value) {
    runtime_.step();
    runtime_.check_stack();
    std::string out;
    if (value.is_dict()) {
      out = "{";
      for (const Dict::Entry* entry : sorted_entries(value)) {
        if (out.size() > 1) out += ", ";
        out += one_line(entry->first) + ": " + one_line(entry->second);
      }
      out += "}";
    } else if (value.is_list() || (value.is_tuple() && !value.tuple_data().is_group)) {
      for (const Value& item : value.items()) out += (out.empty() ? "" : ", ") + one_line(item);
      if (value.is_tuple() && value.items().size() == 1) out += ',';
      out = value.is_list() ? "[" + out + "]" : "(" + out + ")";
    } else {
      return repr(runtime_, value);
    }
    runtime_.charge(out.size());
    return out;
  }

  void new_line(int64_t indent) {
    runtime_.charge(indent, 1);
    out_ += '\n' + std::string(static_cast<size_t>(indent), ' ');
  }

  void print_dict(const Value& dict, int64_t indent, int64_t allowance, int level) {
    out_ += '{';
    ++indent;
    const std::vector<const Dict::Entry*> entries = sorted_entries(dict);
    for (size_t i = 0; i < entries.size(); ++i) {
      const bool is_last = i + 1 == entries.size();
      const std::string key = one_line(entries[i]->first);
      out_ += key + ": ";
      print(entries[i]->second, indent + width_of(key) + 2, is_last ? allowance : 1, level);
      if (is_last) break;
      out_ += ',';
      new_line(indent);
    }
    out_ += '}';
  }

  void print_items(const Value& value, int64_t indent, int64_t allowance, int level) {
    const Items& items = value.items();
    const std::string end = value.is_list() ? "]" : items.size() == 1 ? ",)" : ")";
    allowance += static_cast<int64_t>(end.size());
    out_ += value.is_list() ? '[' : '(';
    ++indent;
    for (size_t i = 0; i < items.size(); ++i) {
      const bool is_last = i + 1 == items.size();
      print(items[i], indent, is_last ? allowance : 1, level);
      if (is_last) break;
      out_ += ',';
      new_line(indent);
    }
    out_ += end;
  }

  static std::vector<std::string> lines_with_ends(const std::string& text) {
    std::vector<std::string> lines;
    size_t start = 0;
    for (size_t at = 0; at < text.size();) {
      const char32_t c = decode_at(text, at);
      if (!is_line_break(c)) continue;
      if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
      lines.push_back(text.substr(start, at - start));
      start = at;
    }
    if (start < text.size()) lines.push_back(text.substr(start));
    return lines;
  }

  // Words, each with the white space that follows it.
  static std::vector<std::string> words_with_spaces(const std::string& line) {
    std::vector<std::string> words;
    std::string word;
    bool in_space = false;
    for (size_t at = 0; at < line.size();) {
      const size_t start = at;
      const bool space = is_space(decode_at(line, at));
      if (in_space && !space) {
        words.push_back(std::move(word));
        word.clear();
      }
      in_space = space;
      word += line.substr(start, at - start);
    }
    if (!word.empty()) words.push_back(std::move(word));
    return words;
  }

  void print_text(const std::string& text, int64_t indent, int64_t allowance, int level) {
    if (level == 1) {
      ++indent;
      ++allowance;
    }
    std::vector<std::string> chunks;
    const int64_t width = kColumns - indent;
    const std::vector<std::string> lines = lines_with_ends(text);
    for (size_t i = 0; i < lines.size(); ++i) {
      const bool is_last_line = i + 1 == lines.size();
      const std::string whole = repr_text(lines[i]);
      if (width_of(whole) <= width - (is_last_line ? allowance : 0)) {
        chunks.push_back(whole);
        continue;
      }
      const std::vector<std::string> words = words_with_spaces(lines[i]);
      std::string current;
      int64_t room = width;
      for (size_t j = 0; j < words.size(); ++j) {
        runtime_.charge(current.size());
        const std::string candidate = current + words[j];
        if (j + 1 == words.size() && is_last_line) room -= allowance;
        if (width_of(repr_text(candidate)) > room) {
          if (!current.empty()) chunks.push_back(repr_text(current));
          current = words[j];
        } else {
          current = candidate;
        }
      }
      if (!current.empty()) chunks.push_back(repr_text(current));
    }
    if (chunks.size() == 1) {
      out_ += chunks[0];
      return;
    }
    if (level == 1) out_ += '(';
    for (size_t i = 0; i < chunks.size(); ++i) {
      if (i > 0) new_line(indent);
      out_ += chunks[i];
    }
    if (level == 1) out_ += ')';
  }

  Runtime& runtime_;
  std::string out_;
};

}  // namespace

std::string pretty_repr(Runtime& runtime, const Value& value) {
  PrettyPrinter printer(runtime);
  printer.print(value, 0, 0, 0);
  return printer.take();
}

}  // namespace retmask::jinja
