#include "retmask/synthesize/options.h"

#include <algorithm>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/base/part.h"
#include "retmask/tokenizer/stop_strings.h"

namespace retmask::synthesize {
namespace {

constexpr EnumNames<Strategy, 7> kStrategyNames{{{
    {Strategy::automatic, "auto"},
    {Strategy::retrieval_masked, "retrieval-masked"},
    {Strategy::non_retrieval_masked, "non-retrieval-masked"},
    {Strategy::random_masked, "random-masked"},
    {Strategy::rejected_model, "rejected-model"},
    {Strategy::win_lose, "win-lose"},
    {Strategy::sft, "sft"},
}}};

constexpr EnumNames<SkipReason, 11> kSkipReasonNames{{{
    {SkipReason::blank, "blank"},
    {SkipReason::language, "language"},
    {SkipReason::redacted, "redacted"},
    {SkipReason::toxic, "toxic"},
    {SkipReason::turns, "turns"},
    {SkipReason::duplicate, "duplicate"},
    {SkipReason::tokens, "tokens"},
    {SkipReason::not_sampled, "not_sampled"},
    {SkipReason::skipped, "skipped"},
    {SkipReason::beyond_limit, "beyond_limit"},
    {SkipReason::other_shard, "other_shard"},
}}};

constexpr EnumNames<DropReason, 8> kDropReasonNames{{{
    {DropReason::prompt_too_long, "prompt_too_long"},
    {DropReason::empty_answer, "empty_answer"},
    {DropReason::equal_answers, "equal_answers"},
    {DropReason::redacted, "redacted"},
    {DropReason::unfinished, "unfinished"},
    {DropReason::runaway, "runaway"},
    {DropReason::unjudged, "unjudged"},
    {DropReason::tie, "tie"},
}}};

void check_range(const std::string& what, int64_t least, int64_t most) {
  if (least < 0) user_error("--min-", what, " is ", least, ", expected at least 0");
  if (most < 0) user_error("--max-", what, " is ", most, ", expected 1 or more, or 0 for any");
  if (most > 0 && least > most) {
    user_error("--min-", what, " ", least, " is more than --max-", what, " ", most);
  }
}

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

// options.strategy, or the one implied by the sources.
Strategy strategy_of(const Options& options) {
  if (options.strategy != Strategy::automatic) return options.strategy;
  if (options.judge.server.given()) return Strategy::win_lose;
  if (!options.mask.empty()) return Strategy::retrieval_masked;
  if (count_rejected_sources(options) > 0) return Strategy::rejected_model;
  user_error(
      "no strategy for the pairs; expected exactly one of --mask (or --scores), "
      "--rejected-model, --rejected-endpoint, --judge-endpoint and --strategy sft");
}

// A source must not be missing, redundant or unused.
void check_sources(const Options& options) {
  options.chosen_server.validate("--endpoint", "--endpoint-model");
  options.rejected_server.validate("--rejected-endpoint", "--rejected-endpoint-model");
  options.judge.validate();
  const Strategy strategy = strategy_of(options);
  check_rejected_source(options, strategy);
  check_chosen_source(options, strategy);
  check_judge(options, strategy);
}

// The sources of valid options.
std::vector<Source> sources_of(const Options& options) {
  std::vector<Source> sources;
  if (!options.model.empty()) {
    Source& source = sources.emplace_back(Source{.model = options.model});
    if (!options.chosen_server.given()) source.masks[Policy::chosen] = "";
    if (!options.mask.empty()) source.masks[Policy::rejected] = options.mask;
  }
  if (options.chosen_server.given()) {
    sources.push_back({.server = options.chosen_server, .masks = {{Policy::chosen, ""}}});
  }
  if (!options.rejected_model.empty()) {
    sources.push_back({.model = options.rejected_model, .masks = {{Policy::rejected, ""}}});
  }
  if (options.rejected_server.given()) {
    sources.push_back({.server = options.rejected_server, .masks = {{Policy::rejected, ""}}});
  }
  for (Source& source : sources) {
    source.server.logprobs = source.server.logprobs || options.decoding.logprobs;
  }
  return sources;
}

}  // namespace

std::string to_string(Strategy strategy) { return kStrategyNames.name_of(strategy); }

Strategy parse_strategy(const std::string& name) {
  return kStrategyNames.parse("--strategy", name);
}

bool is_masked(Strategy strategy) {
  return strategy == Strategy::retrieval_masked || strategy == Strategy::non_retrieval_masked ||
         strategy == Strategy::random_masked;
}

bool has_rejected_policy(Strategy strategy) {
  return is_masked(strategy) || strategy == Strategy::rejected_model;
}

std::string to_string(Policy policy) { return policy == Policy::chosen ? "chosen" : "rejected"; }

Turns parse_turns(const std::string& text) {
  constexpr EnumNames<Turns, 2> kTurnsNames{{{{Turns::first, "first"}, {Turns::all, "all"}}}};
  return kTurnsNames.parse("--turns", text);
}

void PromptFilters::validate() const {
  check_range("turns", min_turns, max_turns);
  check_range("prompt-tokens", min_tokens, max_tokens);
}

void PromptOptions::validate() const {
  if (files.empty()) user_error("--prompts is missing; expected prompt files or folders of them");
  filters.validate();
}

void Selection::validate() const {
  if (sample < 0) user_error("--sample is ", sample, ", expected 1 or more, or 0 for all");
  if (skip < 0) user_error("--skip is ", skip, ", expected 0 or more");
  if (limit < 0) user_error("--limit is ", limit, ", expected 1 or more, or 0 for all");
  Part{.shard = shard, .num_shards = num_shards}.validate();
}

std::string to_string(SkipReason reason) { return kSkipReasonNames.name_of(reason); }

void DecodingOptions::validate() const {
  sampling.validate();
  if (max_new_tokens < 1)
    user_error("--max-new-tokens is ", max_new_tokens, ", expected at least 1");
  if (batch_size && *batch_size < 1)
    user_error("--batch-size is ", *batch_size, ", expected at least 1");
  if (kv_cache_mib < 0)
    user_error("--kv-cache-mib is ", kv_cache_mib, ", expected 0 (automatic) or more");
  check_stop_strings(stop, "--stop");
}

Thinking parse_thinking(const std::string& text) {
  constexpr EnumNames<Thinking, 3> kThinkingNames{
      {{{Thinking::keep, "keep"}, {Thinking::strip, "strip"}, {Thinking::off, "off"}}}};
  return kThinkingNames.parse("--thinking", text);
}

void PairOptions::validate() const {
  if (runaway_tokens < 0) {
    user_error("--runaway-tokens is ", runaway_tokens, ", expected 1 or more, or 0 for no limit");
  }
}

std::string to_string(DropReason reason) { return kDropReasonNames.name_of(reason); }

void JudgeOptions::validate() const {
  server.validate("--judge-endpoint", "--judge-model");
  if (!server.given() && !prompt.empty()) {
    user_error("--judge-prompt is given without --judge-endpoint");
  }
  if (max_tokens < 1) user_error("--judge-max-tokens is ", max_tokens, ", expected at least 1");
}

void Options::validate() const {
  check_sources(*this);
  prompts.validate();
  selection.validate();
  if (samples < 1) user_error("--samples is ", samples, ", expected at least 1");
  decoding.validate();
  pairs.validate();
  if (thinking == Thinking::off &&
      template_variables.value("enable_thinking", Json(false)) != false) {
    user_error("--thinking off and --template-var enable_thinking=",
               template_variables["enable_thinking"],
               " contradict each other");
  }
}

std::vector<Policy> ResolvedOptions::policies() const {
  if (has_rejected_policy(strategy)) return {Policy::chosen, Policy::rejected};
  return {Policy::chosen};
}

const Source& ResolvedOptions::source_of(Policy policy) const {
  const auto found = std::ranges::find_if(
      sources, [&](const Source& source) { return source.masks.contains(policy); });
  RETMASK_CHECK(found != sources.end(), "no source of the ", to_string(policy), " answers");
  return *found;
}

std::string ResolvedOptions::source_name(Policy policy) const {
  const Source& source = source_of(policy);
  if (source.is_remote()) return source.server.model;
  if (source.masks.at(policy).empty()) return source.model.string();
  return source.model.string() + " masked by " + mask_label;
}

ResolvedOptions resolve(const Options& options) {
  options.validate();
  ResolvedOptions resolved{options};
  resolved.strategy = strategy_of(options);
  resolved.sources = sources_of(options);
  if (resolved.mask_label.empty()) resolved.mask_label = options.mask.string();
  if (options.thinking == Thinking::off) resolved.template_variables["enable_thinking"] = false;
  return resolved;
}

}  // namespace retmask::synthesize
