#include "split.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "retmask/base/error.h"

namespace retmask::text {
namespace {

constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {
    {"Removed", SplitBehavior::kRemoved},
    {"Isolated", SplitBehavior::kIsolated},
    {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
    {"MergedWithNext", SplitBehavior::kMergedWithNext},
    {"Contiguous", SplitBehavior::kContiguous}};

void append(std::string_view piece, std::vector<std::string_view>& pieces) {
  if (!piece.empty()) pieces.push_back(piece);
}

// Both parts must be adjacent in the same text.
std::string_view join(std::string_view left, std::string_view right) {
  return {left.data(), left.size() + right.size()};
}

// Joins a segment to the previous one if `joins(is_match, previous_is_match)`.
template <typename Joins>
void append_joined(const std::vector<Segment>& segments,
                   Joins joins,
                   std::vector<std::string_view>& pieces) {
  const size_t first = pieces.size();
  bool previous_is_match = false;
  for (const Segment& segment : segments) {
    if (pieces.size() > first && joins(segment.is_match, previous_is_match)) {
      pieces.back() = join(pieces.back(), segment.text);
    } else {
      append(segment.text, pieces);
    }
    previous_is_match = segment.is_match;
  }
}

void append_merged_with_next(const std::vector<Segment>& segments,
                             std::vector<std::string_view>& pieces) {
  const auto first = static_cast<std::ptrdiff_t>(pieces.size());
  bool next_is_match = false;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (pieces.size() > static_cast<size_t>(first) && segment->is_match && !next_is_match) {
      pieces.back() = join(segment->text, pieces.back());
    } else {
      append(segment->text, pieces);
    }
    next_is_match = segment->is_match;
  }
  std::reverse(pieces.begin() + first, pieces.end());
}

}  // namespace

SplitBehavior split_behavior(const std::string& name, const std::string& where) {
  for (const auto& [known, behavior] : kNames) {
    if (name == known) return behavior;
  }
  user_error(where,
             ": the behavior \"",
             name,
             "\" is not known; known are Removed, Isolated, MergedWithPrevious, MergedWithNext and "
             "Contiguous");
}

void append_pieces(const std::vector<Segment>& segments,
                   SplitBehavior behavior,
                   std::vector<std::string_view>& pieces) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const Segment& segment : segments) {
        if (!segment.is_match) append(segment.text, pieces);
      }
      return;
    case SplitBehavior::kIsolated:
      for (const Segment& segment : segments) append(segment.text, pieces);
      return;
    case SplitBehavior::kMergedWithPrevious:
      return append_joined(
          segments, [](bool is_match, bool previous) { return is_match && !previous; }, pieces);
    case SplitBehavior::kMergedWithNext:
      return append_merged_with_next(segments, pieces);
    case SplitBehavior::kContiguous:
      return append_joined(
          segments, [](bool is_match, bool previous) { return is_match == previous; }, pieces);
  }
}

}  // namespace retmask::text
