#pragma once
// Preference pairs of two answers per instruction: y_w from theta, y_l from theta' (the same
// weights with masked heads) or from another model. Alternatively pairs chosen by a judge, or
// answers for supervised fine-tuning. Either side may run on this machine or on a server.
//
// Files in the output folder:
//
//   answers.jsonl      journal, one answer per row; a stopped run resumes from it
//   chosen.jsonl.gz    theta's answers in prompt order (reference_row())
//   rejected.jsonl.gz  the same for theta' (strategies with two policies)
//   pairs.jsonl        kept pairs (pair_row())
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
  // Generates the chosen answers instead of `model`, which is then only needed for a mask.
  endpoint::Options chosen_server;
  // Source of the rejected answers: exactly one of the next three if the strategy has a rejected
  // policy. `mask` is a mask.json with the masked heads of theta'. Another checkpoint or server
  // uses its own tokenizer and template.
  std::filesystem::path mask;
  std::filesystem::path rejected_model;
  endpoint::Options rejected_server;
  std::string mask_label;  // name of the mask in the rows; empty: its path
  JudgeOptions judge;      // win-lose only
  PromptOptions prompts;
  Selection selection;
  int64_t samples = 1;  // answers per prompt and policy
  DecodingOptions decoding;
  PairOptions pairs;
  Thinking thinking = Thinking::keep;
  Json template_variables = Json::object();  // as in RenderOptions, except those set by `thinking`
  int64_t max_position = 0;                  // see limit_positions()
  std::optional<Moment> moment;              // as in RenderOptions
  std::string device = "auto";               // as in parse_device
  std::string dtype = "auto";                // as in parse_dtype

  // Throws UserError.
  void validate() const;

  // template_variables plus those set by `thinking`.
  Json render_variables() const;
};

// options.strategy, or the one implied by the sources. Throws UserError if they imply none.
Strategy resolved_strategy(const Options& options);

struct Result {
  Strategy strategy = Strategy::automatic;  // the resolved one
  Summary summary;
  // This call only; zero if an earlier call had finished all answers.
  int64_t generated_answers = 0;
  int64_t generated_tokens = 0;
  double generation_seconds = 0.0;
  // Of the source with the largest planned memory; empty if no local model ran.
  std::optional<MemoryUse> memory;

  double tokens_per_second() const;
};

// Runs the checks that run() makes before it loads weights. Throws UserError.
void check_inputs(const Options& options);

// Throws UserError for bad options or input before it loads weights, and if the disk is full;
// endpoint::EndpointFailure if a server does not answer; Stopped after the next answer once
// `stop_asked` returns a signal. Finished answers are kept.
Result run(const Options& options,
           const std::filesystem::path& out,
           const StopPoll& stop_asked = nullptr);

}  // namespace retmask::synthesize
