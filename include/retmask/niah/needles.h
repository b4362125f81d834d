#pragma once
// Needles and haystacks.

#include <filesystem>
#include <string>
#include <vector>

namespace retmask::niah {

struct Needle {
  std::string needle;       // the sentence inserted into the haystack
  std::string question;     // the question about it
  std::string real_needle;  // the part of the sentence that answers the question
};

// Reads one needle per line: {"needle", "question", "real_needle"}. Throws UserError with file and
// line.
std::vector<Needle> read_needles(const std::filesystem::path& path);

// Returns one text per needle. If `dir` has folders part1, part2, ..., needle n gets the .txt files
// of part<n>; otherwise all share the .txt files of `dir`. Files are sorted by name and joined with
// a line break. Throws UserError for a missing folder, part or text.
std::vector<std::string> read_haystacks(const std::filesystem::path& dir, size_t num_needles);

// The built-in data, written for this project: three needles and a text of some 8,700 words.
// src/niah/builtin/.
std::vector<Needle> builtin_needles();
std::string builtin_haystack();

struct NeedlesAndHaystacks {
  std::vector<Needle> needles;
  std::vector<std::string> haystacks;  // one per needle

  // SHA-256 of all needles and haystacks, to tell inputs apart.
  std::string fingerprint() const;
};

// Empty paths mean the built-in data.
NeedlesAndHaystacks load_needles_and_haystacks(const std::filesystem::path& needles,
                                               const std::filesystem::path& haystack);

}  // namespace retmask::niah
