#pragma once
// Detection of texts that end in a loop.

#include <string_view>

namespace retmask::synthesize {

// True if the text ends with at least three copies of a phrase, as Holtzman et al. (2020, "The
// Curious Case of Neural Text Degeneration", section 5.3) define repetition; the last copy may be
// incomplete. The phrase may be a single letter, so no language needs word splitting. In exchange
// the loop must be at least 300 bytes long, so that rules of dashes, laughter and refrains do not
// count. Trailing white space is ignored. Linear in time and memory.
bool repeats_at_the_end(std::string_view text);

}  // namespace retmask::synthesize
