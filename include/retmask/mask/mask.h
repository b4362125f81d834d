#pragma once
// Masks heads of a checkpoint. Files in the output folder:
//   mask.json   {"heads": [[layer, head], ...], "select", "threshold" | "top_k" | "explicit_heads",
//                "seed" (of a random selection), "model": {"num_hidden_layers",
//                "num_attention_heads"}, "mean_scores" (of `heads`), "num_samples",
//                "scores_sha256"}
//   the masked checkpoint, unless spec_only

#include <filesystem>
#include <optional>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/mask/select_heads.h"

namespace retmask::mask {

struct Options {
  std::filesystem::path scores = {};  // head_scores.json; optional if select.heads is given
  SelectOptions select = {};
  bool spec_only = false;  // write only mask.json
  SaveOptions save = {};

  // Throws UserError.
  void validate() const;
};

struct Result {
  std::vector<Head> heads;           // masked heads, by (layer, head)
  std::optional<HeadScores> scores;  // if options.scores is given
  int64_t num_model_heads = 0;
};

// Throws UserError if `out` is the model folder, which is never modified. Must be called before
// anything is written to `out`.
void check_separate(const std::filesystem::path& model, const std::filesystem::path& out);

// Throws UserError for bad options or input before anything is written.
Result run(const Checkpoint& checkpoint, const Options& options, const std::filesystem::path& out);

}  // namespace retmask::mask
