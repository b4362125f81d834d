#include "mask_flags.h"

#include "retmask/base/error.h"

namespace retmask::cli {
namespace {

using synthesize::Strategy;

mask::Selection selection_of(Strategy strategy) {
  switch (strategy) {
    case Strategy::automatic:
    case Strategy::retrieval_masked:
      return mask::Selection::retrieval;
    case Strategy::non_retrieval_masked:
      return mask::Selection::non_retrieval;
    case Strategy::random_masked:
      return mask::Selection::random;
    default:
      user_error("--scores and --heads do not apply to --strategy ", to_string(strategy));
  }
}

}  // namespace

void add_mask_flags(Command& command, MaskFlags& flags) {
  CLI::App& app = *command.app;
  app.add_option("--scores",
                 flags.scores,
                 "head_scores.json of a detect run or another detector's heads (see retmask mask "
                 "--help), from which --strategy selects the masked heads (instead of --mask)");
  app.add_option("--mask-top-k",
                 flags.top_k,
                 "With --scores: retrieval heads are this many heads with the highest mean scores, "
                 "or the first ones of a list without scores");
  app.add_option("--mask-threshold",
                 flags.threshold,
                 "With --scores: retrieval heads are those with at least this mean score");
  add_list_option(command,
                  "--heads",
                  flags.heads,
                  "Retrieval heads are these, LAYER-HEAD,... (instead of --scores)");
}

std::optional<mask::Options> mask_options(const MaskFlags& flags,
                                          const synthesize::Options& options,
                                          uint64_t seed) {
  const Strategy strategy = options.strategy;
  if (flags.scores.empty() && flags.heads.empty()) {
    if (flags.top_k || flags.threshold) {
      user_error(
          "--mask-top-k and --mask-threshold choose among the heads of --scores, which is "
          "not given");
    }
    const bool drawn =
        strategy == Strategy::non_retrieval_masked || strategy == Strategy::random_masked;
    if (drawn) {
      user_error(
          "--strategy ",
          to_string(strategy),
          " draws the heads: give --heads, or --scores with --mask-top-k or --mask-threshold",
          options.mask.empty() ? "" : " instead of --mask");
    }
    return std::nullopt;
  }
  if (!options.mask.empty()) {
    user_error("--mask and ",
               flags.heads.empty() ? "--scores" : "--heads",
               " both select the masked heads; give only one of them");
  }
  const int given =
      (flags.top_k ? 1 : 0) + (flags.threshold ? 1 : 0) + (flags.heads.empty() ? 0 : 1);
  if (given != 1) {
    user_error(given == 0 ? "none" : "more than one",
               " of --mask-top-k, --mask-threshold and --heads is given, expected exactly one");
  }
  mask::Options mask;
  mask.scores = flags.scores;
  mask.select.top_k = flags.top_k;
  mask.select.threshold = flags.threshold;
  mask.select.heads = flags.heads;
  mask.select.selection = selection_of(strategy);
  mask.select.seed = seed;
  mask.select.flags = {.threshold = "--mask-threshold", .top_k = "--mask-top-k"};
  mask.spec_only = true;
  mask.validate();
  return mask;
}

}  // namespace retmask::cli
