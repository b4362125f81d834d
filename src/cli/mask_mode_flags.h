#pragma once
// --mask-mode and --mean-text: what replaces the output of the masked heads.

#include <filesystem>
#include <optional>
#include <string>

#include "common.h"
#include "retmask/mask/options.h"
#include "retmask/model/config.h"
#include "retmask/model/inference.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::cli {

struct MaskModeFlags {
  std::optional<std::string> mode;  // zero or mean; nothing: as mask.json says, zero without one
  std::filesystem::path mean_text;  // file or folder; empty: the built-in haystack

  // `masks`: heads are masked at all, `how` the flags for it ("--mask or --heads"). Throws
  // UserError.
  void validate(bool masks, const std::string& how) const;
  bool asks_for_means() const { return mode == to_string(MaskMode::mean); }
  // Whether the heads of `mask` still need their means. `file`: the mask.json that they come from,
  // empty if there is none. Throws UserError if it contradicts the flags.
  bool must_measure(const HeadMask& mask, const std::filesystem::path& file) const;
};

void add_mask_mode_flags(CLI::App& app, MaskModeFlags& flags);

// What a run with these flags compares when it resumes: rules for run.settle("mask-mode") and the
// input "mean-text".
void add_mask_mode_rules(RunRules& rules);

// The text of the means.
class MeanText {
 public:
  // Reads it and records it as an input of the run. Throws UserError.
  MeanText(const MaskModeFlags& flags, RunRecord& run);

  // Of these heads, over this text.
  HeadMask measure(const InferenceLm& model,
                   const Tokenizer& tokenizer,
                   const std::vector<Head>& heads) const;
  // The same with the checkpoint loaded for it, on the device and in the dtype of `common`.
  HeadMask measure(const Checkpoint& checkpoint,
                   const CommonOptions& common,
                   const std::vector<Head>& heads) const;
  // For mask.json: {"source": path or null, "sha256"}.
  Json to_json() const;

 private:
  std::filesystem::path source_;
  std::string text_;
};

}  // namespace retmask::cli
