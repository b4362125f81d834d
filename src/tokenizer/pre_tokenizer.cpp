#include "pre_tokenizer.h"

#include <utility>

#include "metaspace.h"
#include "pattern.h"
#include "regular_expression.h"
#include "retmask/base/error.h"
#include "unicode.h"
#include "utf8.h"

namespace retmask::text {
namespace {

// GPT-2's pattern, built into ByteLevel.
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Replaces each view by the pieces that `cut(view, next)` appends.
template <typename Cut>
void cut_each(Pieces& pieces, Cut cut) {
  pieces.next.clear();
  for (const std::string_view view : pieces.views) cut(view, pieces.next);
  pieces.views.swap(pieces.next);
}

class SplitPreTokenizer : public PreTokenizer {
 public:
  SplitPreTokenizer(Regex pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(Pieces& pieces) const override {
    RegexSearch search(pattern_);
    const char* const start = pieces.views.empty() ? nullptr : pieces.views.front().data();
    cut_each(pieces, [&](std::string_view text, std::vector<std::string_view>& out) {
      find_segments(search, text, pieces.segments);
      append_pieces(pieces.segments, behavior_, out);
    });
    const bool start_is_removed = pieces.views.empty() || pieces.views.front().data() != start;
    if (start_is_removed) pieces.at_text_start = false;
  }

 private:
  void find_segments(RegexSearch& search,
                     std::string_view text,
                     std::vector<Segment>& segments) const {
    segments.clear();
    size_t end = 0;
    search.start(text);
    while (const auto match = search.next()) {
      if (match->begin > end) segments.push_back({text.substr(end, match->begin - end), invert_});
      segments.push_back({text.substr(match->begin, match->end - match->begin), !invert_});
      end = match->end;
    }
    if (end < text.size()) segments.push_back({text.substr(end), invert_});
  }

  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class DigitsPreTokenizer : public PreTokenizer {
 public:
  explicit DigitsPreTokenizer(bool individual) : individual_(individual) {}

  void apply(Pieces& pieces) const override {
    cut_each(pieces,
             [&](std::string_view text, std::vector<std::string_view>& out) { cut(text, out); });
  }

 private:
  void cut(std::string_view text, std::vector<std::string_view>& out) const {
    size_t begin = 0;
    bool in_number = false;
    for (size_t at = 0; at < text.size();) {
      const size_t start = at;
      const bool numeric = is_numeric(next_code_point(text, at));
      const bool boundary = numeric != in_number || (numeric && individual_);
      if (boundary && start > begin) {
        out.push_back(text.substr(begin, start - begin));
        begin = start;
      }
      in_number = numeric;
    }
    if (begin < text.size()) out.push_back(text.substr(begin));
  }

  bool individual_;
};

// Bytes are not mapped to printable characters here: the model looks them up directly.
class ByteLevelPreTokenizer : public PreTokenizer {
 public:
  ByteLevelPreTokenizer(bool add_prefix_space, bool use_regex)
      : add_prefix_space_(add_prefix_space) {
    if (use_regex) {
      words_.emplace(
          Regex::compile(kGpt2Pattern, "ByteLevel"), SplitBehavior::kIsolated, /*invert=*/false);
    }
  }

  void apply(Pieces& pieces) const override {
    if (add_prefix_space_) {
      cut_each(pieces, [&](std::string_view text, std::vector<std::string_view>& out) {
        const bool has_space = text.starts_with(' ');
        out.push_back(has_space ? text : pieces.rewritten.emplace_back(" " + std::string(text)));
      });
    }
    if (words_) words_->apply(pieces);
  }

  bool is_byte_level() const override { return true; }

 private:
  bool add_prefix_space_;
  std::optional<SplitPreTokenizer> words_;
};

class MetaspacePreTokenizer : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(Metaspace metaspace)
      : metaspace_(std::move(metaspace)),
        space_(Regex::literal(" ")),
        words_(Regex::literal(metaspace_.replacement),
               SplitBehavior::kMergedWithNext,
               /*invert=*/false) {}

  void apply(Pieces& pieces) const override {
    bool is_first = pieces.at_text_start;
    cut_each(pieces, [&](std::string_view text, std::vector<std::string_view>& out) {
      out.push_back(pieces.rewritten.emplace_back(rewrite(text, is_first)));
      is_first = false;
    });
    if (metaspace_.split) words_.apply(pieces);
  }

 private:
  std::string rewrite(std::string_view text, bool is_first) const {
    std::string marked = replace_all(text, space_, metaspace_.replacement);
    const bool wanted = metaspace_.prepend == Metaspace::Prepend::kAlways ||
                        (metaspace_.prepend == Metaspace::Prepend::kFirst && is_first);
    if (wanted && !marked.starts_with(metaspace_.replacement))
      marked.insert(0, metaspace_.replacement);
    return marked;
  }

  Metaspace metaspace_;
  Regex space_;
  SplitPreTokenizer words_;
};

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<std::unique_ptr<const PreTokenizer>> steps)
      : steps_(std::move(steps)) {}

  void apply(Pieces& pieces) const override {
    for (const auto& step : steps_) step->apply(pieces);
  }

  bool is_byte_level() const override { return !steps_.empty() && steps_.back()->is_byte_level(); }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

std::unique_ptr<const PreTokenizer> make_sequence(const Json& json, const std::string& where) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  for (const Json& step : json_get<Json>(json, "pretokenizers", where)) {
    if (step.is_null())
      user_error(where, ": \"pretokenizers\" holds null, expected an object with a type");
    if (!steps.empty() && steps.back()->is_byte_level()) {
      user_error(where,
                 ": a pre-tokenizer after ByteLevel is not supported; ByteLevel must come last");
    }
    steps.push_back(make_pre_tokenizer(step, where));
  }
  return std::make_unique<SequencePreTokenizer>(std::move(steps));
}

}  // namespace

void Pieces::reset(std::string_view text, bool is_text_start) {
  views.assign(1, text);
  rewritten.clear();
  at_text_start = is_text_start;
}

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where) {
  if (json.is_null()) return nullptr;
  const auto type = json_get<std::string>(json, "type", where);
  if (type == "Split") {
    return std::make_unique<SplitPreTokenizer>(
        read_pattern(json, where),
        split_behavior(json_get<std::string>(json, "behavior", where), where),
        json_get<bool>(json, "invert", where));
  }
  if (type == "Digits") {
    return std::make_unique<DigitsPreTokenizer>(json_get<bool>(json, "individual_digits", where));
  }
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevelPreTokenizer>(json_get<bool>(json, "add_prefix_space", where),
                                                   json_get_or(json, "use_regex", true, where));
  }
  if (type == "Metaspace")
    return std::make_unique<MetaspacePreTokenizer>(read_metaspace(json, where));
  if (type == "Sequence") return make_sequence(json, where);
  user_error(where,
             ": the type \"",
             type,
             "\" is not supported; supported are Split, Digits, ByteLevel, Metaspace and Sequence");
}

}  // namespace retmask::text
