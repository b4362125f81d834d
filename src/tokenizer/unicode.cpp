#include "unicode.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "utf8.h"

namespace retmask::text {
namespace {

// General categories, and Han, which patterns also use.
enum class Category { kLu, kLl, kLm, kLo, kHan, kMn, kMc, kNd, kNo, kPd, kPo, kSm, kSo, kCf };

struct NewerCodePoints {
  char32_t first;
  char32_t last;
  Category category;
};

// Sorted; see make_newer_code_points.py.
constexpr NewerCodePoints kNewer[] = {
#include "newer_code_points.inc"
};

// U+180E is not white space since Unicode 6.3, yet PCRE2's \s still matches it.
constexpr char32_t kMongolianVowelSeparator = 0x180E;
constexpr char32_t kZeroWidthSpace = 0x200B;

// Characters of a category that PCRE2 knows: one of three bytes in UTF-8, one of four.
std::array<char32_t, 2> long_known(Category category) {
  switch (category) {
    case Category::kLu:
      return {0x1E00, 0x10400};
    case Category::kLl:
      return {0x1E01, 0x10428};
    case Category::kLm:
      return {0x1D2C, 0x16B40};
    case Category::kLo:
      return {0x0E01, 0x10330};
    case Category::kHan:
      return {0x4E00, 0x20000};
    case Category::kMn:
      return {0x0900, 0x10A01};
    case Category::kMc:
      return {0x0903, 0x11000};
    case Category::kNd:
      return {0x0966, 0x104A0};
    case Category::kNo:
      return {0x2460, 0x10107};
    case Category::kPd:
      return {0x2010, 0x10EAD};
    case Category::kPo:
      return {0x2020, 0x10100};
    case Category::kSm:
      return {0x2200, 0x1D6C1};
    case Category::kSo:
      return {0x2100, 0x10137};
    case Category::kCf:
      return {0x200B, 0x110BD};
  }
  return {0, 0};
}

const NewerCodePoints* find_newer(char32_t c) {
  const auto* found = std::lower_bound(
      std::begin(kNewer), std::end(kNewer), c, [](const NewerCodePoints& range, char32_t value) {
        return range.last < value;
      });
  return found != std::end(kNewer) && found->first <= c ? found : nullptr;
}

// Fast path for nearly all text: alphabets up to Arabic, CJK, kana, hangul, private use.
bool is_surely_known(char32_t c) {
  return c < 0x0897 || (c > 0x31EF && c < 0xA7CB) || (c > 0xA7DC && c < 0x105C0);
}

char32_t known_code_point(char32_t c) {
  if (is_surely_known(c)) return c;
  if (c == kMongolianVowelSeparator) return kZeroWidthSpace;
  const NewerCodePoints* newer = find_newer(c);
  return newer == nullptr ? c : long_known(newer->category)[c < 0x10000 ? 0 : 1];
}

bool is_newer_number(char32_t c) {
  // Unicode 17, known to Rust but not to Oniguruma.
  if ((c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6)) return true;
  const NewerCodePoints* newer = find_newer(c);
  return newer != nullptr && (newer->category == Category::kNd || newer->category == Category::kNo);
}

// Capital letters of Unicode 16 and 17 and the start of their small counterparts.
struct NewerCapitals {
  char32_t first;
  char32_t last;
  char32_t lower;
};
constexpr NewerCapitals kNewerCapitals[] = {{0x1C89, 0x1C89, 0x1C8A},
                                            {0xA7CB, 0xA7CB, 0x0264},
                                            {0xA7CC, 0xA7CC, 0xA7CD},
                                            {0xA7CE, 0xA7CE, 0xA7CF},
                                            {0xA7D2, 0xA7D2, 0xA7D3},
                                            {0xA7D4, 0xA7D4, 0xA7D5},
                                            {0xA7DA, 0xA7DA, 0xA7DB},
                                            {0xA7DC, 0xA7DC, 0x019B},
                                            {0x10D50, 0x10D65, 0x10D70},
                                            {0x16EA0, 0x16EB8, 0x16EBB}};

char32_t to_lower(char32_t c) {
  for (const NewerCapitals& capitals : kNewerCapitals) {
    if (c >= capitals.first && c <= capitals.last) return capitals.lower + (c - capitals.first);
  }
  return static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
}

UChar32 icu(char32_t c) { return static_cast<UChar32>(c); }

}  // namespace

bool is_white_space(char32_t c) { return u_isUWhiteSpace(icu(c)) != 0; }

bool is_mark(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_M_MASK) != 0; }

bool is_numeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return (U_GET_GC_MASK(icu(c)) & U_GC_N_MASK) != 0 || is_newer_number(c);
}

bool is_word(char32_t c) {
  constexpr uint32_t kMarksDigitsConnectors = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_isUAlphabetic(icu(c)) != 0 || (U_GET_GC_MASK(icu(c)) & kMarksDigitsConnectors) != 0 ||
         u_hasBinaryProperty(icu(c), UCHAR_JOIN_CONTROL) != 0;
}

std::string lowercase(std::string_view text) {
  constexpr char32_t kCapitalIWithDot = 0x130;  // the only letter whose lower case has two
  std::string lower;
  lower.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c == kCapitalIWithDot) {
      lower += "i\u0307";
    } else {
      append_utf8(lower, to_lower(c));
    }
  }
  return lower;
}

std::string_view with_known_code_points(std::string_view text, std::string& storage) {
  constexpr unsigned char kLeadOfThreeBytes = 0xE0;  // newer characters take three or four
  bool copied = false;
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < kLeadOfThreeBytes) {
      ++at;  // a byte of a shorter character
      continue;
    }
    const size_t start = at;
    const char32_t c = next_code_point(text, at);
    const char32_t known = known_code_point(c);
    if (known == c) continue;
    if (!copied) {
      storage.assign(text);
      copied = true;
    }
    std::string replacement;
    append_utf8(replacement, known);
    storage.replace(start, replacement.size(), replacement);
  }
  return copied ? std::string_view(storage) : text;
}

}  // namespace retmask::text
