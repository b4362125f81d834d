#include "mutate.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace retmask::fuzz {
namespace {

constexpr std::array<std::string_view, 8> kNumbers{"0",
                                                   "-1",
                                                   "1.5",
                                                   "1e308",
                                                   "2147483648",
                                                   "9223372036854775807",
                                                   "18446744073709551616",
                                                   "999999999999999999999999"};

class Mutator {
 public:
  Mutator(std::string& bytes, RandomStream& random) : bytes_(bytes), random_(random) {}

  size_t below(size_t bound) { return static_cast<size_t>(random_.below(bound)); }
  size_t place() { return below(bytes_.size() + 1); }
  // Mostly short.
  std::string_view stretch(std::string_view of) {
    if (of.empty()) return of;
    const size_t begin = below(of.size());
    const size_t longest = below(8) == 0 ? of.size() : 16;
    return of.substr(begin, 1 + below(std::min(longest, of.size() - begin)));
  }

  void turn_a_bit() {
    if (bytes_.empty()) return;
    char& byte = bytes_[below(bytes_.size())];
    byte = static_cast<char>(byte ^ (1 << below(8)));
  }
  void replace_a_byte() {
    if (!bytes_.empty()) bytes_[below(bytes_.size())] = static_cast<char>(below(256));
  }
  void remove() {
    const std::string_view part = stretch(bytes_);
    if (!part.empty()) bytes_.erase(static_cast<size_t>(part.data() - bytes_.data()), part.size());
  }
  void put_in(std::string_view text) { bytes_.insert(place(), std::string(text)); }
  void replace_a_number() {
    if (bytes_.empty()) return;
    const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(below(bytes_.size()));
    const auto begin = std::find_if(from, bytes_.end(), is_digit);
    const auto end = std::find_if_not(begin, bytes_.end(), is_digit);
    const std::string_view number = kNumbers[below(kNumbers.size())];
    bytes_.replace(begin, end, number.begin(), number.end());
  }

 private:
  std::string& bytes_;
  RandomStream& random_;
};

}  // namespace

std::string mutate(std::string bytes,
                   std::string_view other,
                   const std::vector<std::string_view>& words,
                   RandomStream& random) {
  Mutator mutator(bytes, random);
  for (size_t changes = 1 + mutator.below(4); changes > 0; --changes) {
    switch (mutator.below(7)) {
      case 0:
        mutator.turn_a_bit();
        break;
      case 1:
        mutator.replace_a_byte();
        break;
      case 2:
        mutator.remove();
        break;
      case 3:
        mutator.put_in(mutator.stretch(bytes));
        break;
      case 4:
        mutator.put_in(mutator.stretch(other));
        break;
      case 5:
        mutator.replace_a_number();
        break;
      default:
        mutator.put_in(words[mutator.below(words.size())]);
    }
  }
  return bytes;
}

}  // namespace retmask::fuzz
