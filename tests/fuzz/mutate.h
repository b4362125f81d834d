#pragma once
// Small, reproducible mutations for the short run in the ordinary tests; libFuzzer's are better.

#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/random.h"

namespace retmask::fuzz {

// Applies one to four of: flip a bit, replace a byte, remove a stretch, copy one within the input
// or from `other`, insert a word of the format, replace a number by an extreme one.
std::string mutate(std::string bytes,
                   std::string_view other,
                   const std::vector<std::string_view>& words,
                   RandomStream& random);

}  // namespace retmask::fuzz
