#include "mask_flags.h"

#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

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

// The heads of the flags, as options for mask::run(); nothing if --mask gives them or no heads are
// masked.
std::optional<mask::Options> selection(const MaskFlags& flags,
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

// The means of these heads in an earlier mask.json, if it has them.
std::optional<HeadMask> means_in(const fs::path& file,
                                 const std::vector<Head>& heads,
                                 const ModelConfig& config) {
  if (file.empty() || !fs::exists(file)) return std::nullopt;
  const HeadMask mask = read_mask_file(file, config);
  if (mask.mode() != MaskMode::mean || mask.heads() != heads) return std::nullopt;
  return mask;
}

// Of the selection alone. The mode and the text are compared by themselves, and the last bits of
// the means depend on the device. Equals the hash of the file that older versions wrote.
std::string hash_of_selection(const fs::path& file) {
  Json spec = read_json_file(file, "mask file");
  for (const char* key : {"mode", "mean_text", "means"}) spec.erase(key);
  return sha256(spec.dump(2) + "\n");
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
  add_mask_mode_flags(app, flags.mode);
}

MaskPlan plan_mask(const MaskFlags& flags, const synthesize::Options& options, uint64_t seed) {
  MaskPlan plan{.select = selection(flags, options, seed), .heads_of = {}, .mode = flags.mode};
  flags.mode.validate(plan.select || !options.mask.empty(), "--mask, --scores or --heads");
  if (!plan.select && flags.mode.asks_for_means()) plan.heads_of = options.mask;
  return plan;
}

void write_mask(const MaskPlan& plan,
                const fs::path& model,
                const fs::path& mask,
                const fs::path& ready,
                const CommonOptions& common,
                RunRecord& run) {
  if (mask.empty()) return;
  const Checkpoint checkpoint(model);
  const ModelConfig config = read_model_config(checkpoint);
  std::optional<MeanText> text;
  const auto measure = [&](const std::vector<Head>& heads) {
    const auto earlier = means_in(run.resumed() ? mask : ready, heads, config);
    return earlier ? *earlier : text->measure(checkpoint, common, heads);
  };
  // A run that must not go on with another mode or text is refused here, before its mask changes.
  const auto record = [&](MaskMode mode, bool must_measure) {
    run.settle("mask-mode", to_string(mode));
    if (must_measure) text.emplace(plan.mode, run);
  };
  if (plan.select) {
    mask::Options options = *plan.select;
    const bool means = plan.mode.asks_for_means();
    record(means ? MaskMode::mean : MaskMode::zero, means);
    if (!options.scores.empty()) run.add_input("scores", sha256_file(options.scores));
    if (means) options.mean = {.measure = measure, .text = text->to_json()};
    mask::run(checkpoint, options, mask.parent_path());
    run.add_input("mask", hash_of_selection(mask));
    return;
  }
  const fs::path& given = plan.heads_of.empty() ? mask : plan.heads_of;
  run.add_input("mask", sha256_file(given));
  const HeadMask heads = read_mask_file(given, config);
  const bool must_measure = plan.mode.must_measure(heads, given) && !heads.empty();
  record(must_measure ? MaskMode::mean : heads.mode(), must_measure);
  if (plan.heads_of.empty()) return;
  Json spec = read_json_file(given, "mask file");
  if (must_measure) {
    spec["mode"] = to_string(MaskMode::mean);
    spec["mean_text"] = text->to_json();
    spec["means"] = means_json(measure(heads.heads()).means());
  }
  write_json_file(mask, spec);
}

}  // namespace retmask::cli
