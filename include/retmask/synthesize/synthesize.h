#pragma once
// Two answers per instruction, y_w from theta and y_l from theta' (the same weights with heads off)
// or from another model, and the preference pairs that they make; or pairs by a judge; or answers
// to imitate. Either side may answer on this machine or behind a server.
//
// Writes into a folder:
//
//   answers.jsonl      the journal, an answer a row; a stopped run goes on from it
//   chosen.jsonl.gz    theta's answers in the order of the prompts (reference_row())
//   rejected.jsonl.gz  the same of theta' (strategies with two policies)
//   pairs.jsonl        the pairs that are kept (pair_row())
//   sft.jsonl          instead of pairs.jsonl (sft)
//   verdicts.jsonl     the judge's journal (win-lose)
//   summary.json       Summary

#include <filesystem>
#include <optional>
#include <string>

#include "retmask/base/json.h"
#include "retmask/base/moment.h"
#include "retmask/base/stop_signals.h"
#include "retmask/synthesize/judge.h"
#include "retmask/synthesize/model_answerer.h"
#include "retmask/synthesize/pairs.h"
#include "retmask/synthesize/prompts.h"
#include "retmask/synthesize/selection.h"
#include "retmask/synthesize/strategy.h"
#include "retmask/synthesize/summary.h"
#include "retmask/synthesize/thinking.h"

namespace retmask::synthesize {

struct Options {
  Strategy strategy = Strategy::automatic;
  std::filesystem::path model;  // checkpoint folder: theta
  // Writes the chosen answers in place of `model`, which is then needed for a mask alone.
  endpoint::Options chosen_server;
  // Exactly one of these three says where the rejected answers come from, if the strategy has such:
  // mask.json lists the heads that are off in theta'; another checkpoint or server has its own
  // tokenizer and template.
  std::filesystem::path mask;
  std::filesystem::path rejected_model;
  endpoint::Options rejected_server;
  std::string mask_label;  // names the mask in the rows; empty: its path
  JudgeOptions judge;      // for win-lose
  PromptOptions prompts;
  Selection selection;
  int64_t samples = 1;  // answers per prompt and policy
  DecodingOptions decoding;
  PairOptions pairs;
  Thinking thinking = Thinking::keep;
  Json template_variables = Json::object();  // as in RenderOptions, but for what `thinking` sets
  int64_t max_position = 0;                  // as in limit_positions
  std::optional<Moment> moment;              // as in RenderOptions
  std::string device = "auto";               // as in parse_device
  std::string dtype = "auto";                // as in parse_dtype

  // Throws UserError.
  void validate() const;

  // template_variables and what `thinking` sets.
  Json render_variables() const;
};

// options.strategy, or the one that the sources imply. Throws UserError when they imply none.
Strategy resolved_strategy(const Options& options);

struct Result {
  Strategy strategy = Strategy::automatic;  // the one that was followed
  Summary summary;
  // Of this call alone; zero when an earlier one had finished all answers.
  int64_t generated_answers = 0;
  int64_t generated_tokens = 0;
  double generation_seconds = 0.0;
  // Of the source that was to take most; nothing when no model ran here.
  std::optional<MemoryUse> memory;

  double tokens_per_second() const;
};

// Throws UserError for what run() finds wrong before it loads weights.
void check_inputs(const Options& options);

// Throws UserError for bad options or input before it loads weights, and when the disk is full;
// endpoint::EndpointFailure when a server does not answer; Stopped after the first answer that
// comes when `stop_asked` names a signal. What was finished is kept.
Result run(const Options& options,
           const std::filesystem::path& out,
           const StopPoll& stop_asked = nullptr);

}  // namespace retmask::synthesize
