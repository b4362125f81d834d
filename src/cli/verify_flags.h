#pragma once
// Flags of detect for the certainty of its result: --until-stable and --verify.

#include "common.h"
#include "mask_mode_flags.h"
#include "retmask/detect/stable.h"
#include "retmask/detect/verify.h"

namespace retmask::cli {

struct VerifyFlags {
  bool until_stable = false;
  detect::VerifyOptions verify;
  std::string pick;
  MaskModeFlags mask_mode;  // of the masked heads

  // The options with the text flags parsed. Throws UserError.
  detect::VerifyOptions resolve(const detect::Options& detect, uint64_t seed) const;
};

// Flags that may change when a run resumes: they add to it.
extern const std::vector<std::string> kVerifyFlags;

void add_verify_flags(Command& command, VerifyFlags& flags);

// Prints how many heads are undecided at the threshold; warns if the samples are too few for it.
void report_certainty(const detect::Certainty& certainty, size_t num_heads);

// Runs --verify: writes verify.jsonl and verify.json into `out`, prints the curve. `text`: of the
// masked heads' means; null: mode zero.
void verify_heads(const detect::Subject& subject,
                  const ChatEncoder& encoder,
                  const std::vector<niah::Sample>& samples,
                  const HeadMeans& means,
                  const std::optional<MeanText>& text,
                  detect::VerifyOptions options,
                  RunRecord& run,
                  const std::filesystem::path& out);

}  // namespace retmask::cli
