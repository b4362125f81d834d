#pragma once
// Which needle-in-a-haystack samples are made: context lengths times depths, for each needle.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace retmask::niah {

// Where in the haystack a needle goes, and how the context is cut.
enum class NeedlePlacement {
  // Behind the last sentence that ends before the wanted depth; the context has the wanted length.
  sentence,
  // What the published implementation does (github.com/YoumiMa/RetMask,
  // retrieval_head_detection.py). It looks for the
  // ids that '.' has in Llama-2's vocabulary, so that with other tokenizers nearly every needle
  // below depth 100 % ends
  // up at the start; its contexts are 200 tokens short of the wanted length.
  reference,
};
std::string to_string(NeedlePlacement placement);
// Throws UserError with the known names.
NeedlePlacement parse_placement(const std::string& name);

struct GridOptions {
  std::filesystem::path needles = {};   // JSONL file; empty: the built-in needles
  std::filesystem::path haystack = {};  // folder of .txt files or part<n> folders; empty: built-in
  std::vector<int64_t> lengths = {};    // of contexts, in tokens; empty: evenly spaced ones
  int64_t min_length = 250;             // of the evenly spaced
  int64_t max_length = 5000;
  int64_t length_steps = 20;
  int64_t depths = 10;  // evenly spaced from the start of the context to its end
  NeedlePlacement placement = NeedlePlacement::sentence;
  int64_t max_new_tokens = 50;  // of the answer

  // Throws UserError.
  void validate() const;
  // `lengths`, or the evenly spaced ones, rounded as numpy does.
  std::vector<int64_t> context_lengths() const;
};

}  // namespace retmask::niah
