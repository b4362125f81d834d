#pragma once
// Selection of the heads to mask.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/mask/head_scores.h"
#include "retmask/model/heads.h"

namespace retmask::mask {

enum class Selection {
  retrieval,      // the heads given by threshold, top_k or heads
  non_retrieval,  // as many other heads, drawn at random: the control experiment
  random,         // as many heads, drawn at random from all
};

std::string to_string(Selection selection);
// Throws UserError listing the known names.
Selection parse_selection(const std::string& name);

struct SelectOptions {
  // The retrieval heads: exactly one of the next three must be given.
  std::optional<double> threshold = {};  // minimum mean score, such as 0.1
  std::optional<int64_t> top_k = {};     // by mean score; ties: lower layer, head first
  std::vector<std::string> heads = {};   // explicit heads: "18-6"
  Selection selection = Selection::retrieval;
  uint64_t seed = 0;  // for the random selections
  // Prefix of the flags for threshold and top_k in errors: synthesize has --mask-top-k.
  std::string flag_prefix = "--";

  // Throws UserError.
  void validate() const;
};

// Returns the heads to mask, by (layer, head). `scores` may be null if options.heads is given.
// Throws UserError if the model has too few heads or no head reaches the threshold.
std::vector<Head> select_heads(const SelectOptions& options,
                               const ModelConfig& config,
                               const HeadScores* scores);

}  // namespace retmask::mask
