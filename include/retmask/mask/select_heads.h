#pragma once
// Which heads to switch off.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/mask/head_scores.h"
#include "retmask/model/heads.h"

namespace retmask::mask {

enum class Selection {
  retrieval,      // the heads that threshold, top_k or heads name
  non_retrieval,  // as many others, drawn at random: the control that shows it is these heads
  random,         // as many, drawn at random from all
};

std::string to_string(Selection selection);
// Throws UserError with the known names.
Selection parse_selection(const std::string& name);

struct SelectOptions {
  // Exactly one of the first three says which heads are the retrieval heads.
  std::optional<double> threshold = {};  // mean score of at least this, such as 0.1
  std::optional<int64_t> top_k =
      {};  // this many with the highest mean score; ties: lower layer, head
  std::vector<std::string> heads = {};  // these: "18-6"
  Selection selection = Selection::retrieval;
  uint64_t seed = 0;  // of the random selections
  // What the flags for the first two begin with, for errors: synthesize has --mask-top-k.
  std::string flag_prefix = "--";

  // Throws UserError.
  void validate() const;
};

// The heads to mask, by (layer, head). `scores` may be null where options.heads is given. Throws
// UserError when the model has not so many heads, or when no head reaches the threshold.
std::vector<Head> select_heads(const SelectOptions& options,
                               const ModelConfig& config,
                               const HeadScores* scores);

}  // namespace retmask::mask
