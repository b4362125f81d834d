#include "sources.h"

#include "retmask/base/error.h"

namespace retmask::synthesize {
namespace {

std::string flag(Strategy strategy) { return "--strategy " + to_string(strategy); }

int count_rejected_sources(const Options& options) {
  return (options.mask.empty() ? 0 : 1) + (options.rejected_model.empty() ? 0 : 1) +
         (options.rejected_server.given() ? 1 : 0);
}

void check_rejected_source(const Options& options, Strategy strategy) {
  const int sources = count_rejected_sources(options);
  if (sources > 1) {
    user_error(
        "expected exactly one source of the rejected answers, --mask (or --scores), "
        "--rejected-model or --rejected-endpoint, not ",
        sources);
  }
  if (is_masked(strategy) && options.mask.empty()) {
    user_error(flag(strategy),
               " needs the heads to switch off: --scores with --mask-top-k or --mask-threshold, or "
               "for retrieval-masked a --mask; a masked checkpoint behind --rejected-endpoint is "
               "--strategy rejected-model");
  }
  if (strategy == Strategy::rejected_model && (sources == 0 || !options.mask.empty())) {
    user_error(flag(strategy), " needs --rejected-model or --rejected-endpoint");
  }
  if (!has_rejected_policy(strategy) && sources > 0) {
    user_error(flag(strategy),
               " uses one policy; omit --mask, --scores, --rejected-model and "
               "--rejected-endpoint");
  }
}

void check_chosen_source(const Options& options, Strategy strategy) {
  const bool remote = options.chosen_server.given();
  if (options.model.empty() && !remote) {
    user_error("--model is missing; expected a checkpoint folder, or a server with --endpoint");
  }
  if (options.model.empty() && is_masked(strategy)) {
    user_error("--model is missing: the checkpoint folder whose heads are switched off");
  }
  if (!options.model.empty() && remote && !is_masked(strategy)) {
    user_error("--model is not used: --endpoint writes the chosen answers; omit one of them");
  }
}

void check_judge(const Options& options, Strategy strategy) {
  if (strategy != Strategy::win_lose) {
    if (options.judge.server.given()) {
      user_error("--judge-endpoint is not used by ", flag(strategy), ", only by win-lose");
    }
    return;
  }
  if (!options.judge.server.given()) {
    user_error(flag(strategy), " needs a judge: --judge-endpoint and --judge-model");
  }
  if (options.samples < 2) {
    user_error(
        "--samples is ", options.samples, ", but ", flag(strategy), " compares at least 2 answers");
  }
}

}  // namespace

Strategy resolved_strategy(const Options& options) {
  if (options.strategy != Strategy::automatic) return options.strategy;
  if (options.judge.server.given()) return Strategy::win_lose;
  if (!options.mask.empty()) return Strategy::retrieval_masked;
  if (count_rejected_sources(options) > 0) return Strategy::rejected_model;
  user_error(
      "no strategy for the pairs; expected exactly one of --mask (or --scores), "
      "--rejected-model, --rejected-endpoint, --judge-endpoint and --strategy sft");
}

void check_sources(const Options& options) {
  options.chosen_server.validate("--endpoint", "--endpoint-model");
  options.rejected_server.validate("--rejected-endpoint", "--rejected-endpoint-model");
  options.judge.validate();
  const Strategy strategy = resolved_strategy(options);
  check_rejected_source(options, strategy);
  check_chosen_source(options, strategy);
  check_judge(options, strategy);
}

std::string source_name(const Options& options, Policy policy) {
  if (policy == Policy::chosen) {
    return options.chosen_server.given() ? options.chosen_server.model : options.model.string();
  }
  if (options.rejected_server.given()) return options.rejected_server.model;
  if (!options.rejected_model.empty()) return options.rejected_model.string();
  const bool drawn_here = !options.mask_label.empty();
  return options.model.string() + " masked by " +
         (drawn_here ? options.mask_label : options.mask.string());
}

}  // namespace retmask::synthesize
