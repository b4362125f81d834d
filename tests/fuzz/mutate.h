#pragma once
// Small, reproducible changes of an input for the short run of the ordinary tests; libFuzzer has
// better ones.

#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/random.h"

namespace retmask::fuzz {

// One to four of: a bit turned, a byte replaced, a stretch removed, copied to another place or
// taken from `other`, a word of the format put in, a number replaced by an extreme one.
std::string mutate(std::string bytes,
                   std::string_view other,
                   const std::vector<std::string_view>& words,
                   RandomStream& random);

}  // namespace retmask::fuzz
