#pragma once
// Needles and haystacks.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::niah {

struct Needle {
  std::string needle;       // the sentence inserted into the haystack
  std::string question;     // the question about it
  std::string real_needle;  // the part of the sentence that answers the question
  // Its span is searched by its tokens, which the published implementation takes as if it began the
  // text. A short one, such as a name, is only found by its tokens behind a space.
  bool follows_space = false;
};

// Reads one needle per line: {"needle", "question", "real_needle"}, optionally "follows_space".
// Throws UserError with file and line.
std::vector<Needle> read_needles(const std::filesystem::path& path);

// Returns one text per needle. If `dir` has folders part1, part2, ..., needle n gets the .txt files
// of part<n>; otherwise all share the .txt files of `dir`. Files are sorted by name and joined with
// a line break. Throws UserError for a missing folder, part or text.
std::vector<std::string> read_haystacks(const std::filesystem::path& dir, size_t num_needles);

// The built-in data, written for this project (src/niah/builtin/): a text of some 8,700 words and
// 24 needles. In 12 of them the question repeats the needle's words. In the other 12, as in NoLiMa
// (Modarressi et al. 2025), it shares no content word with the needle, and the answer, a name,
// takes one step of common knowledge: the Eiffel Tower is in France. "dev" and "test" are halves
// with 6 of each kind: heads and hyper-parameters chosen on one are reported on the other.
extern const char* const kNeedleSets;      // names of the sets, for help and errors
extern const char* const kDefaultNeedles;  // name of the default set
// Nullopt: no set has this name.
std::optional<std::vector<Needle>> builtin_needles(std::string_view set);
std::string builtin_haystack();

struct NeedlesAndHaystacks {
  std::vector<Needle> needles;
  std::vector<std::string> haystacks;  // one per needle

  // SHA-256 of all needles and haystacks, to tell inputs apart.
  std::string fingerprint() const;
};

// `needles` is a file or the name of a built-in set. Empty paths mean the built-in data.
NeedlesAndHaystacks load_needles_and_haystacks(const std::filesystem::path& needles,
                                               const std::filesystem::path& haystack);

}  // namespace retmask::niah
