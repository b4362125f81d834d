#pragma once
// Masks heads of a checkpoint. Files in the output folder:
//   mask.json   {"heads": [[layer, head], ...], "mode": "zero" | "mean", "select",
//                "threshold" | "top_k" | "explicit_heads", "seed" (of a random selection),
//                "model": {"num_hidden_layers", "num_attention_heads"}, "mean_scores" (of `heads`),
//                "num_samples" (0: unknown), "scores_sha256", "scores_form", "mean_text" and
//                "means" (of `heads`, [head_dim] each; both only in mode mean)}
//   the masked checkpoint, unless spec_only

#include <filesystem>
#include <optional>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/heads/head_list.h"
#include "retmask/mask/options.h"
#include "retmask/model/heads.h"

namespace retmask::mask {

struct Result {
  HeadMask heads;                // masked heads, by (layer, head)
  std::optional<HeadList> list;  // of options.scores
  int64_t num_model_heads = 0;

  // Of the masked heads; empty if one of them has none.
  std::optional<HeadMeans> mean_scores() const;
};

// Throws UserError if `out` is the model folder, which is never modified. Must be called before
// anything is written to `out`.
void check_separate(const std::filesystem::path& model, const std::filesystem::path& out);

// Throws UserError for bad options or input before anything is written.
Result run(const Checkpoint& checkpoint, const Options& options, const std::filesystem::path& out);

}  // namespace retmask::mask
