#pragma once
// Options of train-dpo.

#include <cstdint>
#include <optional>
#include <string>

#include "retmask/base/json.h"
#include "retmask/model/activation_checkpointing.h"

namespace retmask::train {

enum class LossKind {
  dpo,  // Rafailov et al. 2023, Eq. 7
  ipo,  // Azar et al. 2023, Eq. 17, on per-token averages like its authors and TRL
  sft,  // cross-entropy of the (chosen) answer: the baseline
};

// Handling of rows with a sequence longer than the limit.
enum class LongRows {
  error,     // stop and report how many there are
  drop,      // drop the row
  truncate,  // keep the start of each sequence; drop a row whose prompt alone reaches the limit
};

std::string to_string(LossKind kind);
std::string to_string(LongRows policy);
// Throw UserError that lists the known names.
LossKind parse_loss_kind(const std::string& name);
LongRows parse_long_rows(const std::string& name);

struct Options {
  LossKind loss = LossKind::dpo;
  double beta = 0.1;              // strength of the pull to the reference (DPO's beta, IPO's tau)
  double label_smoothing = 0.0;   // DPO: assumed fraction of pairs with swapped labels, 0 .. 0.5
  bool length_normalize = false;  // DPO: log-ratios per answer token; SFT: the mean of each answer

  int64_t epochs = 2;
  int64_t max_steps = 0;              // > 0: this many steps; overrides `epochs`
  int64_t global_batch_size = 512;    // rows (pairs) per optimizer step
  int64_t micro_batch_tokens = 8192;  // tokens per micro-batch, which has at least one row
  int64_t max_length = 0;  // tokens of prompt + answer; 0: whole answers, up to the model's maximum
  LongRows long_rows = LongRows::error;
  bool reference_truncation = false;  // cut as the published code does: see truncate_as_reference
  bool shuffle = true;                // a new order each epoch, drawn from `seed`
  uint64_t seed = 0;

  double learning_rate = 5e-7;      // after the warm-up
  double min_learning_rate = 5e-8;  // where the cosine ends
  double warmup_ratio = 0.1;        // fraction of all steps with a linear rise from 0
  double weight_decay = 0.1;        // decoupled; not on norms and biases
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double adam_eps = 1e-8;
  double max_grad_norm = 1.0;  // 0: no clipping

  // Unset: chosen by the memory plan.
  std::optional<ActivationCheckpointing> activation_checkpointing = std::nullopt;
  int64_t zero_stage = 1;    // what is sharded across ranks, see sharded_parameters.h
  int64_t eval_every = 0;    // steps between evaluations of held-out pairs; 0: start and end only
  int64_t save_every = 50;   // steps between checkpoints; 0: not by steps
  double save_minutes = 30;  // minutes between checkpoints, whichever comes first; 0: not by time
  int64_t keep_last = 1;     // checkpoints kept on disk

  // Throws UserError.
  void validate() const;

  // The options that affect the trained weights, by flag name; a run is resumed only with equal
  // ones. Ranks, ZeRO stage and activation checkpointing are not included: a state can be resumed
  // with others.
  Json identity() const;
};

}  // namespace retmask::train
