#pragma once
// Splitting text at matches: the five behaviours of Hugging Face's SplitDelimiterBehavior.

#include <string>
#include <string_view>
#include <vector>

namespace retmask::text {

// "the-final--countdown" split at "-":
enum class SplitBehavior {
  kRemoved,             // the, final, countdown
  kIsolated,            // the, -, final, -, -, countdown
  kMergedWithPrevious,  // the-, final-, -, countdown
  kMergedWithNext,      // the, -final, -, -countdown
  kContiguous,          // the, -, final, --, countdown
};

// Throws UserError, which names `where`, for an unknown name.
SplitBehavior split_behavior(const std::string& name, const std::string& where);

// A part of a text: a match of the pattern, or the text between two matches.
struct Segment {
  std::string_view text;
  bool is_match;
};

// `segments` cover one text in order without gaps. Appends the pieces, omitting empty ones.
void append_pieces(const std::vector<Segment>& segments,
                   SplitBehavior behavior,
                   std::vector<std::string_view>& pieces);

}  // namespace retmask::text
