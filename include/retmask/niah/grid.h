#pragma once
// The grid of needle-in-a-haystack samples: context lengths times depths, per needle.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace retmask::niah {

// Needle placement in the haystack, and truncation of the context.
enum class NeedlePlacement {
  // After the last sentence that ends before the requested depth; the context has the requested
  // length.
  sentence,
  // The published implementation (github.com/YoumiMa/RetMask, retrieval_head_detection.py). It
  // searches for the ids of '.' in Llama-2's vocabulary, so with other tokenizers nearly every
  // needle at a depth below 100 % is placed at the start; its contexts are 200 tokens shorter than
  // requested.
  reference,
};
std::string to_string(NeedlePlacement placement);
// Throws UserError that lists the known names.
NeedlePlacement parse_placement(const std::string& name);

struct GridOptions {
  std::filesystem::path needles = {};   // JSONL file; empty: the built-in needles
  std::filesystem::path haystack = {};  // folder of .txt files or part<n> folders; empty: built-in
  std::vector<int64_t> lengths = {};    // context lengths in tokens; empty: evenly spaced
  int64_t min_length = 250;             // of evenly spaced lengths
  int64_t max_length = 5000;
  int64_t length_steps = 20;
  int64_t depths = 10;  // evenly spaced over the context, both ends included
  NeedlePlacement placement = NeedlePlacement::sentence;
  int64_t max_new_tokens = 50;  // of the answer

  // Throws UserError.
  void validate() const;
  // `lengths` if given, else evenly spaced ones, rounded as numpy does.
  std::vector<int64_t> context_lengths() const;
};

}  // namespace retmask::niah
