#pragma once
// Does a text end in a loop?

#include <string_view>

namespace retmask::synthesize {

// A text loops when its end is one phrase three times or more, as Holtzman et al. (2020, "The
// Curious Case of Neural Text Degeneration", section 5.3) count repetitions, the last time perhaps
// cut short. The phrase may be as short as a letter, so that no language needs splitting into
// words; in exchange the loop must be 300 bytes long, which keeps rules of dashes, laughter and
// refrains. White space at the end does not count. Takes time and memory in proportion to the text.
bool repeats_at_the_end(std::string_view text);

}  // namespace retmask::synthesize
