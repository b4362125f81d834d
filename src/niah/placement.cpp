#include "placement.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "retmask/base/error.h"

namespace retmask::niah {
namespace {

using Tokens = std::vector<int64_t>;

// Ids of '.' and ' .' in Llama-2's vocabulary, which the published implementation uses for every
// model.
constexpr std::array<int64_t, 2> kReferencePeriods = {29889, 869};
// Tokens that it reserves for the system message, the question and the answer.
constexpr int64_t kReferenceBuffer = 200;

// Python's tokens[:count]; a negative count drops that many from the end.
Tokens first(const Tokens& tokens, int64_t count) {
  const auto size = static_cast<int64_t>(tokens.size());
  const int64_t end = count < 0 ? std::max<int64_t>(size + count, 0) : std::min(size, count);
  return Tokens(tokens.begin(), tokens.begin() + end);
}

Tokens insert(Tokens tokens, size_t position, const Tokens& inserted) {
  tokens.insert(tokens.begin() + static_cast<int64_t>(position), inserted.begin(), inserted.end());
  return tokens;
}

bool ends_sentence(const Tokenizer& tokenizer, int64_t token) {
  const std::string text = tokenizer.decode(std::span(&token, 1), /*skip_special_tokens=*/false);
  const size_t last = text.find_last_not_of(" \t\n\v\f\r");
  return last != std::string::npos && text[last] == '.';
}

// A start token may decode to no text, as in sentencepiece vocabularies.
void remove_all(std::string& text, const std::string& part) {
  if (part.empty()) return;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
}

}  // namespace

ContextMaker::ContextMaker(const Tokenizer& tokenizer,
                           const std::string& haystack,
                           std::vector<std::string> needles,
                           size_t asked,
                           const GridOptions& grid)
    : tokenizer_(tokenizer), needles_(std::move(needles)), asked_(asked), grid_(grid) {
  // The published implementation adds special tokens here.
  haystack_ = tokenizer.encode(haystack,
                               /*add_special_tokens=*/grid.placement == NeedlePlacement::reference);
  needle_ = encode_needle(asked_);
}

std::vector<int64_t> ContextMaker::encode_needle(size_t needle) const {
  const std::string& text = needles_[needle];
  if (grid_.placement == NeedlePlacement::reference) {
    return tokenizer_.encode(text, /*add_special_tokens=*/true);
  }
  return tokenizer_.encode(" " + text, /*add_special_tokens=*/false);
}

RandomStream ContextMaker::draws(const char* what, int64_t length, int64_t depth) const {
  return RandomStream(grid_.seed,
                      std::string("niah ") + what + " " + std::to_string(asked_) + " " +
                          std::to_string(length) + " " + std::to_string(depth));
}

double ContextMaker::depth_fraction(int64_t length, int64_t depth) const {
  if (grid_.depth_rule == DepthRule::random) return draws("depth", length, depth).uniform();
  if (grid_.depths == 1) return 0.0;
  const double steps = static_cast<double>(grid_.depths - 1);
  if (grid_.placement == NeedlePlacement::sentence) return static_cast<double>(depth) / steps;
  // Whole per cent; ties round to even, as in numpy.round.
  return std::nearbyint(static_cast<double>(depth) * (100.0 / steps)) / 100.0;
}

std::string ContextMaker::make(int64_t length, int64_t depth) const {
  return grid_.placement == NeedlePlacement::sentence ? make_sentence(length, depth)
                                                      : make_reference(length, depth);
}

size_t ContextMaker::sentence_end(const Tokens& body, size_t position) const {
  if (position >= body.size()) return body.size();
  while (position > 0 && !ends_sentence(tokenizer_, body[position - 1])) --position;
  return position;
}

std::string ContextMaker::make_sentence(int64_t length, int64_t depth) const {
  struct Inserted {
    size_t position = 0;  // in the body
    Tokens tokens = {};
  };
  std::vector<Inserted> inserted = {{.position = 0, .tokens = needle_}};
  RandomStream random = draws("others", length, depth);
  std::vector<size_t> others;
  for (size_t i = 0; i < needles_.size(); ++i) {
    if (i != asked_) others.push_back(i);
  }
  shuffle(others, random);
  for (int64_t i = 0; i + 1 < grid_.needles_per_context; ++i) {
    inserted.push_back({.position = 0, .tokens = encode_needle(others[static_cast<size_t>(i)])});
  }

  int64_t needle_tokens = 0;
  for (const Inserted& needle : inserted) {
    needle_tokens += static_cast<int64_t>(needle.tokens.size());
  }
  if (needle_tokens > length) {
    user_error(inserted.size() == 1 ? "the needle has " : "the needles have ",
               needle_tokens,
               " tokens and do",
               inserted.size() == 1 ? "es" : "",
               " not fit into a context of ",
               length,
               "; use larger --lengths");
  }
  const Tokens body = first(haystack_, length - needle_tokens);
  // Evenly spaced depths are computed in integers, so that no rounding moves a needle.
  const size_t position =
      grid_.depth_rule == DepthRule::random
          ? static_cast<size_t>(static_cast<double>(body.size()) * depth_fraction(length, depth))
      : grid_.depths == 1
          ? 0
          : body.size() * static_cast<size_t>(depth) / static_cast<size_t>(grid_.depths - 1);
  inserted[0].position = sentence_end(body, position);
  for (size_t i = 1; i < inserted.size(); ++i) {
    inserted[i].position = sentence_end(body, random.below(body.size() + 1));
  }
  // From the end, so that positions stay valid; the asked needle comes first among equals.
  std::stable_sort(inserted.begin(), inserted.end(), [](const Inserted& a, const Inserted& b) {
    return a.position > b.position;
  });
  Tokens context = body;
  for (const Inserted& needle : inserted) {
    context = insert(std::move(context), needle.position, needle.tokens);
  }
  return tokenizer_.decode(context, /*skip_special_tokens=*/false);
}

std::string ContextMaker::make_reference(int64_t length, int64_t depth) const {
  // The haystack is cut to the requested length, decoded and encoded again, which may add a second
  // start token.
  const std::string cut =
      tokenizer_.decode(first(haystack_, length), /*skip_special_tokens=*/false);
  Tokens body = tokenizer_.encode(cut, /*add_special_tokens=*/true);
  const int64_t room = length - kReferenceBuffer;
  if (static_cast<int64_t>(body.size() + needle_.size()) > room) {
    body = first(body, room - static_cast<int64_t>(needle_.size()));
  }
  const double fraction = depth_fraction(length, depth);
  size_t position = body.size();
  if (fraction < 1.0) {
    const auto is_period = [](int64_t token) {
      return std::find(kReferencePeriods.begin(), kReferencePeriods.end(), token) !=
             kReferencePeriods.end();
    };
    position = static_cast<size_t>(static_cast<double>(body.size()) * fraction);
    while (position > 0 && !is_period(body[position - 1])) --position;
  }
  std::string context =
      tokenizer_.decode(insert(body, position, needle_), /*skip_special_tokens=*/false);
  // The start tokens have become text; the template adds its own.
  const Tokens start = tokenizer_.encode("", /*add_special_tokens=*/true);
  if (!start.empty())
    remove_all(context, tokenizer_.decode(first(start, 1), /*skip_special_tokens=*/false));
  return context;
}

}  // namespace retmask::niah
