#include "retmask/metrics/sentences.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>

#include "python_text.h"
#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"

namespace retmask::metrics {
namespace {

namespace fs = std::filesystem;
using punkt::Word;

// Bits of ortho_context.tab.
constexpr int64_t kUpperInside = 4;
constexpr int64_t kUpper = 2 | kUpperInside | 8;
constexpr int64_t kLowerFirst = 16;
constexpr int64_t kLower = kLowerFirst | 32 | 64;

template <typename Visit>
void for_each_line(const fs::path& path, const Visit& visit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    user_error(path, " cannot be read: expected the file of NLTK's tokenizers/punkt_tab/english");
  }
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    visit(line, path.string() + ":" + std::to_string(number));
  }
}

std::pair<std::string, std::string> two_columns(const std::string& line, const std::string& where) {
  const size_t tab = line.find('\t');
  if (tab == std::string::npos) user_error(where, ": expected two columns, separated by a tab");
  return {line.substr(0, tab), line.substr(tab + 1)};
}

struct Span {
  size_t begin;
  size_t end;
};

// A mark that may end a sentence, between the word before it and what follows it.
struct Candidate {
  Span word;      // before the mark, which is at word.end
  size_t behind;  // end of what follows: one character, or white space and the next run of text
  std::optional<size_t> next_word;  // start of that run
};

// At a mark: nullopt if what follows cannot start a sentence.
std::optional<Candidate> candidate_at(std::u32string_view text, size_t mark) {
  const size_t begin = mark + 1;
  if (begin == text.size()) return {};
  if (punkt::is_outside_words(text[begin])) return Candidate{{}, begin + 1, {}};
  size_t next = begin;
  while (next < text.size() && jinja::is_space(text[next])) ++next;
  if (next == begin || next == text.size()) return {};
  size_t end = next;
  while (end < text.size() && !jinja::is_space(text[end])) ++end;
  return Candidate{{}, end, next};
}

// Of a run of marks behind one word, the last.
std::vector<Candidate> candidates_in(std::u32string_view text) {
  std::vector<Candidate> candidates;
  Span last = {0, 0};
  for (size_t mark = 0; mark < text.size(); ++mark) {
    if (!punkt::ends_sentences(text[mark])) continue;
    auto candidate = candidate_at(text, mark);
    if (!candidate) continue;
    // Like NLTK, white space directly behind the last word counts as none.
    const std::u32string_view between = text.substr(last.end, mark - last.end);
    const size_t space = between.find_last_of(U" \t\n\r\v\f");
    const bool has_space = space != between.npos && space > 0;
    candidate->word = {has_space ? last.end + space + 1 : last.begin, mark};
    if (!candidates.empty() && last.end > candidate->word.begin) candidates.pop_back();
    last = candidate->word;
    candidates.push_back(*candidate);
  }
  return candidates;
}

// Length of the closing characters at the start of a sentence that belong to the one before it; 0
// if they do not.
size_t count_closers(std::u32string_view sentence) {
  for (size_t i = 0; i < sentence.size(); ++i) {
    if (std::u32string_view(U"\"')]}").find(sentence[i]) == std::u32string_view::npos) return 0;
    const std::u32string_view rest = sentence.substr(i + 1);
    if (rest.empty() || jinja::is_space(rest[0]) || rest.starts_with(U"--")) return i + 1;
  }
  return 0;
}

// Moves closing characters to the sentence that they close.
std::vector<Span> realigned(std::u32string_view text, const std::vector<Span>& sentences) {
  std::vector<Span> aligned;
  size_t moved = 0;
  for (size_t i = 0; i < sentences.size(); ++i) {
    const Span own = {sentences[i].begin + moved, sentences[i].end};
    moved = 0;
    if (i + 1 < sentences.size()) {
      const Span& next = sentences[i + 1];
      const std::u32string_view following =
          next.end > next.begin ? text.substr(next.begin, next.end - next.begin) : U"";
      moved = count_closers(following);
      if (moved > 0) {
        aligned.push_back({own.begin, next.begin + moved});
        while (moved < following.size() && jinja::is_space(following[moved])) ++moved;
        continue;
      }
    }
    if (own.end > own.begin) aligned.push_back(own);
  }
  return aligned;
}

}  // namespace

SentenceTokenizer SentenceTokenizer::load(const fs::path& folder) {
  SentenceTokenizer tokenizer;
  for_each_line(folder / "abbrev_types.txt", [&](const std::string& line, const std::string&) {
    tokenizer.abbreviations_.insert(line);
  });
  for_each_line(folder / "sent_starters.txt", [&](const std::string& line, const std::string&) {
    tokenizer.starters_.insert(line);
  });
  for_each_line(folder / "collocations.tab",
                [&](const std::string& line, const std::string& where) {
                  tokenizer.collocations_.insert(two_columns(line, where));
                });
  for_each_line(folder / "ortho_context.tab",
                [&](const std::string& line, const std::string& where) {
                  const auto [type, number] = two_columns(line, where);
                  int64_t bits = 0;
                  const char* end = number.data() + number.size();
                  const auto [stop, error] = std::from_chars(number.data(), end, bits);
                  if (error != std::errc() || stop != end) {
                    user_error(where, ": \"", number, "\" is not a number");
                  }
                  tokenizer.case_contexts_[type] = bits;
                });
  return tokenizer;
}

std::vector<std::string> SentenceTokenizer::split(std::string_view utf8) const {
  const std::u32string whole = jinja::to_code_points(utf8);
  const std::u32string_view text = whole;
  std::vector<Span> spans;
  size_t begin = 0;
  for (const Candidate& candidate : candidates_in(text)) {
    if (!has_break(text.substr(candidate.word.begin, candidate.behind - candidate.word.begin))) {
      continue;
    }
    const size_t end = candidate.word.end + 1;
    spans.push_back({begin, end});
    begin = candidate.next_word.value_or(end);
  }
  size_t end = text.size();
  while (end > 0 && jinja::is_space(text[end - 1])) --end;
  spans.push_back({begin, end});
  std::vector<std::string> sentences;
  for (const Span& span : realigned(text, spans)) {
    sentences.push_back(jinja::to_utf8(text.substr(span.begin, span.end - span.begin)));
  }
  return sentences;
}

bool SentenceTokenizer::has_break(std::u32string_view context) const {
  std::vector<Word> words = punkt::split_words(context);
  for (Word& word : words) judge_alone(word);
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    judge_before(words[i], words[i + 1]);
    if (words[i].is_break) return true;
  }
  return false;
}

void SentenceTokenizer::judge_alone(Word& word) const {
  if (word.text.size() == 1 && punkt::ends_sentences(word.text[0])) {
    word.is_break = true;
  } else if (word.text.find_first_not_of(U'.') == std::u32string::npos) {
    word.is_ellipsis = true;
  } else if (word.ends_in_period() && !word.text.ends_with(U"..")) {
    const std::string lower =
        jinja::lower_case(jinja::to_utf8(word.text.substr(0, word.text.size() - 1)));
    const std::string last_part = lower.substr(lower.rfind('-') + 1);
    word.is_abbreviation = abbreviations_.contains(lower) || abbreviations_.contains(last_part);
    word.is_break = !word.is_abbreviation;
  }
}

void SentenceTokenizer::judge_before(Word& word, const Word& next) const {
  if (!word.ends_in_period()) return;
  const std::string type = word.type_without_period();
  const std::string next_type = next.type_without_break();
  const bool is_initial = word.is_initial();
  if (collocations_.contains({type, next_type})) {
    word.is_break = false;
    word.is_abbreviation = true;
    return;
  }
  const Answer starts = starts_sentence(next);
  if ((word.is_abbreviation || word.is_ellipsis) && !is_initial) {
    if (starts == Answer::yes || (next.starts_upper() && starters_.contains(next_type))) {
      word.is_break = true;
      return;
    }
  }
  if (!is_initial && type != "##number##") return;
  const bool always_upper = is_initial && starts == Answer::unknown && next.starts_upper() &&
                            (case_contexts(next_type) & kLower) == 0;
  if (starts == Answer::no || always_upper) {
    word.is_break = false;
    word.is_abbreviation = true;
  }
}

SentenceTokenizer::Answer SentenceTokenizer::starts_sentence(const Word& word) const {
  if (word.text.size() == 1 &&
      std::u32string_view(U";:,.!?").find(word.text[0]) != std::u32string_view::npos) {
    return Answer::no;
  }
  const int64_t seen = case_contexts(word.type_without_break());
  if (word.starts_upper() && (seen & kLower) != 0 && (seen & kUpperInside) == 0) return Answer::yes;
  if (word.starts_lower() && ((seen & kUpper) != 0 || (seen & kLowerFirst) == 0)) return Answer::no;
  return Answer::unknown;
}

int64_t SentenceTokenizer::case_contexts(const std::string& type) const {
  const auto found = case_contexts_.find(type);
  return found == case_contexts_.end() ? 0 : found->second;
}

}  // namespace retmask::metrics
