#include "retmask/metrics/sequence_ratio.h"

#include <unordered_map>
#include <vector>

#include "retmask/jinja/unicode.h"

namespace retmask::metrics {
namespace {

constexpr size_t kPopularFrom = 200;  // characters of b

struct MatchingBlock {
  size_t a;
  size_t b;
  size_t size;
};

// Parts of both texts.
struct Window {
  size_t a_begin;
  size_t a_end;
  size_t b_begin;
  size_t b_end;
};

class SequenceMatcher {
 public:
  SequenceMatcher(std::u32string_view a, std::u32string_view b)
      : a_(a), b_(b), lengths_(b.size() + 1), previous_(b.size() + 1) {
    for (size_t j = 0; j < b.size(); ++j) places_[b[j]].push_back(j);
    if (b.size() < kPopularFrom) return;
    const size_t most = b.size() / 100 + 1;
    std::erase_if(places_, [&](const auto& item) { return item.second.size() > most; });
  }

  size_t count_matches() {
    size_t matches = 0;
    std::vector<Window> windows = {{0, a_.size(), 0, b_.size()}};
    while (!windows.empty()) {
      const Window window = windows.back();
      windows.pop_back();
      const MatchingBlock block = longest_match(window);
      if (block.size == 0) continue;
      matches += block.size;
      windows.push_back({window.a_begin, block.a, window.b_begin, block.b});
      windows.push_back({block.a + block.size, window.a_end, block.b + block.size, window.b_end});
    }
    return matches;
  }

 private:
  // The longest block, of several the first in a, of these the first in b; then extended by equal
  // characters at both ends, popular ones too.
  MatchingBlock longest_match(const Window& window) {
    MatchingBlock best = {window.a_begin, window.b_begin, 0};
    std::vector<size_t> written;  // where previous_ is not 0; index j + 1
    std::vector<size_t> written_now;
    for (size_t i = window.a_begin; i < window.a_end; ++i) {
      written_now.clear();
      const auto found = places_.find(a_[i]);
      if (found != places_.end()) {
        for (const size_t j : found->second) {
          if (j < window.b_begin) continue;
          if (j >= window.b_end) break;
          const size_t length = previous_[j] + 1;
          lengths_[j + 1] = length;
          written_now.push_back(j + 1);
          if (length > best.size) best = {i + 1 - length, j + 1 - length, length};
        }
      }
      for (const size_t place : written) previous_[place] = 0;
      previous_.swap(lengths_);
      written.swap(written_now);
    }
    for (const size_t place : written) previous_[place] = 0;
    while (best.a > window.a_begin && best.b > window.b_begin && a_[best.a - 1] == b_[best.b - 1]) {
      best = {best.a - 1, best.b - 1, best.size + 1};
    }
    while (best.a + best.size < window.a_end && best.b + best.size < window.b_end &&
           a_[best.a + best.size] == b_[best.b + best.size]) {
      ++best.size;
    }
    return best;
  }

  std::u32string_view a_;
  std::u32string_view b_;
  std::unordered_map<char32_t, std::vector<size_t>> places_;  // in b, of characters that may start
  // [j + 1]: length of the block that ends at this, or at the previous, character of a and at b[j].
  // All zero between calls.
  std::vector<size_t> lengths_;
  std::vector<size_t> previous_;
};

}  // namespace

double sequence_ratio(std::string_view a, std::string_view b) {
  const std::u32string a_text = jinja::to_code_points(a);
  const std::u32string b_text = jinja::to_code_points(b);
  const size_t length = a_text.size() + b_text.size();
  if (length == 0) return 1.0;
  SequenceMatcher matcher(a_text, b_text);
  return 2.0 * static_cast<double>(matcher.count_matches()) / static_cast<double>(length);
}

double mrcr_grade(std::string_view answer, std::string_view right, std::string_view prefix) {
  if (!answer.starts_with(prefix)) return 0.0;
  answer.remove_prefix(prefix.size());
  if (right.starts_with(prefix)) right.remove_prefix(prefix.size());
  return sequence_ratio(answer, right);
}

}  // namespace retmask::metrics
