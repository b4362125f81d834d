#pragma once
// The grid of needle-in-a-haystack samples: context lengths times depths, per needle.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/tokenizer/chat_template.h"

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

// The depths of a context's needle.
enum class DepthRule {
  even,    // evenly spaced over the context, both ends included
  random,  // drawn uniformly for each needle and length
};
std::string to_string(DepthRule rule);
DepthRule parse_depth_rule(const std::string& name);

struct GridOptions {
  std::filesystem::path needles = {};   // JSONL file or a built-in set; empty: kDefaultNeedles
  std::filesystem::path haystack = {};  // folder of .txt files or part<n> folders; empty: built-in
  std::vector<int64_t> lengths = {};    // context lengths in tokens; empty: evenly spaced
  int64_t min_length = 250;             // of evenly spaced lengths
  int64_t max_length = 5000;
  int64_t length_steps = 20;
  int64_t depths = 10;  // per needle and length
  DepthRule depth_rule = DepthRule::even;
  // Needles in one context: the one that is asked for, at its depth, and others drawn from the same
  // file, after sentences drawn from the whole context. Not with reference placement.
  int64_t needles_per_context = 1;
  NeedlePlacement placement = NeedlePlacement::sentence;
  ChatUse chat = ChatUse::automatic;
  int64_t max_new_tokens = 50;  // of the answer
  uint64_t seed = 0;            // of the draws

  // Throws UserError.
  void validate() const;
  // `lengths` if given, else evenly spaced ones, rounded as numpy does.
  std::vector<int64_t> context_lengths() const;
};

}  // namespace retmask::niah
