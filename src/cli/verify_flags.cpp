#include "verify_flags.h"

#include <iostream>
#include <map>

#include "retmask/base/format_text.h"
#include "retmask/base/log.h"
#include "retmask/report/table.h"

namespace retmask::cli {
namespace {

std::string interval_text(const Interval& interval) {
  return format_text("%.2f-%.2f", interval.low, interval.high);
}

// The curve; the unmasked model once.
Table verify_table(const detect::Verification& verification) {
  Table table{.columns = {"masked", "heads", "found", "95 %", "needle log-prob", "questions"},
              .rows = {}};
  for (const detect::VerifyPoint& point : verification.curve) {
    if (point.k == 0 && !table.rows.empty()) continue;
    table.rows.push_back({point.k == 0 ? "none" : point.mask,
                          std::to_string(point.k),
                          format_text("%.3f", point.rate),
                          interval_text(point.rate_interval),
                          format_text("%.3f", point.needle_logprob),
                          format_text("%.3f", point.parametric_rate)});
  }
  return table;
}

// Masks of mode mean; the outputs of all heads are measured together.
std::function<HeadMask(const std::vector<Head>&)> mean_masks(const detect::Subject& subject,
                                                             const HeadMeans& scores,
                                                             const MeanText& text) {
  std::vector<Head> all;
  for (const auto& [head, score] : scores) all.push_back(head);
  const HeadMask measured = text.measure(subject.model, subject.tokenizer, all);
  std::map<Head, std::vector<float>> outputs;
  for (size_t i = 0; i < all.size(); ++i) outputs[all[i]] = measured.means()[i];
  return [outputs = std::move(outputs)](const std::vector<Head>& heads) {
    HeadMask::Means means;
    for (const Head& head : heads) means.push_back(outputs.at(head));
    return HeadMask(heads, std::move(means));
  };
}

std::string choice_text(const detect::VerifyChoice& choice) {
  if (!choice.k)
    return "nothing picked: masking the best heads has no effect beyond the intervals\n";
  const auto k = static_cast<long long>(*choice.k);
  if (choice.pick == detect::Pick::k)
    return format_text("picked k = %lld: more heads add less than a tenth of the effect\n", k);
  return format_text("picked threshold %.4f (%lld heads): k = %lld has nine tenths of the effect\n",
                     choice.threshold,
                     static_cast<long long>(choice.num_selected),
                     k);
}

}  // namespace

const std::vector<std::string> kVerifyFlags = {
    "until-stable", "verify", "verify-samples", "pick", "mask-mode", "mean-text"};

detect::VerifyOptions VerifyFlags::resolve(const detect::Options& detect, uint64_t seed) const {
  detect::VerifyOptions resolved = verify;
  if (!pick.empty()) resolved.pick = detect::parse_pick(pick);
  resolved.max_new_tokens = detect.grid.max_new_tokens;
  resolved.batch_size = detect.batch_size;
  resolved.seed = seed;
  resolved.validate();
  mask_mode.validate(!resolved.ks.empty(), "--verify");
  return resolved;
}

void add_verify_flags(Command& command, VerifyFlags& flags) {
  CLI::App& app = *command.app;
  app.add_flag("--until-stable",
               flags.until_stable,
               "Answer samples in random order until the heads at --threshold stop changing, or "
               "until the grid ends");
  add_list_option(command,
                  "--verify",
                  flags.verify.ks,
                  "Ask again with this many of the best heads masked, 5,10,20, and with as many "
                  "random heads and heads of the lowest scores");
  app.add_option("--verify-samples",
                 flags.verify.samples,
                 "Samples for --verify, drawn from the grid (0: all)");
  add_mask_mode_flags(app, flags.mask_mode);
  app.add_option("--pick",
                 flags.pick,
                 "Choose from the curve of --verify where its effect saturates: k (a number of "
                 "heads) or threshold (a mean score)");
}

void report_certainty(const detect::Certainty& certainty, size_t num_heads) {
  if (certainty.num_samples == 0) return;
  std::cout << certainty.num_undecided << " of " << num_heads
            << " heads undecided: the 95 % interval of their score holds the threshold"
            << std::endl;
  if (!certainty.has_too_few_samples()) return;
  log::warn(
      format_text("%lld samples are too few for the threshold %g: %lld heads reach it and "
                  "%lld are undecided; take more --lengths, --depths or needles",
                  static_cast<long long>(certainty.num_samples),
                  certainty.threshold,
                  static_cast<long long>(certainty.num_selected),
                  static_cast<long long>(certainty.num_undecided)));
}

void verify_heads(const detect::Subject& subject,
                  const ChatEncoder& encoder,
                  const std::vector<niah::Sample>& samples,
                  const HeadMeans& means,
                  const std::optional<MeanText>& text,
                  detect::VerifyOptions options,
                  RunRecord& run,
                  const std::filesystem::path& out) {
  if (text) options.mask_of = mean_masks(subject, means, *text);
  Journal journal(out / "verify.jsonl");
  const detect::Verification verification =
      detect::verify(subject, encoder, samples, means, options, journal);
  write_json_file(out / "verify.json", to_json(verification));
  if (verification.answered_now > 0) {
    run.set_throughput("verify_answers_per_second",
                       static_cast<double>(verification.answered_now) / verification.seconds);
  }
  std::cout << to_text(verify_table(verification));
  if (verification.choice) std::cout << choice_text(*verification.choice);
  std::cout << std::flush;
}

}  // namespace retmask::cli
