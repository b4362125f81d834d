#include "train_flags.h"

#include "retmask/base/error.h"

namespace retmask::cli {
namespace {

void add_data_flags(CLI::App& app, TrainDpoCommandOptions& options) {
  app.add_option("--loss", options.loss, "dpo, ipo, or sft (on the chosen answers)");
  app.add_option("--beta",
                 options.train.beta,
                 "dpo, ipo: strength of the regularization toward the untrained model");
  app.add_option("--label-smoothing",
                 options.train.label_smoothing,
                 "dpo: assumed fraction of pairs with swapped answers, 0 to below 0.5");
  app.add_flag("--length-normalize",
               options.train.length_normalize,
               "dpo: average log-ratios over answer tokens; sft: weight all answers equally");
  app.add_option("--epochs", options.train.epochs, "Number of epochs over the data");
  app.add_option("--max-steps",
                 options.train.max_steps,
                 "Number of optimizer steps, overriding --epochs (0: as --epochs)");
  app.add_option(
      "--global-batch-size", options.train.global_batch_size, "Pairs per optimizer step");
  add_count_option(app,
                   "--micro-batch-tokens",
                   options.train.micro_batch_tokens,
                   "Most tokens per micro-batch on a rank (at least one pair); affects speed and "
                   "memory, not the loss");
  add_count_option(app,
                   "--max-length",
                   options.train.max_length,
                   "Longest prompt + answer in tokens (0: the model's maximum)");
  app.add_option("--long-rows",
                 options.long_rows,
                 "Rows longer than that: error (stop), drop (skip the row) or truncate (cut the "
                 "answers)");
  app.add_flag(
      "--reference-truncation",
      options.train.reference_truncation,
      "Truncate as the published code does: to the last 512 tokens of a prompt, then to the last "
      "1,024 tokens of prompt + answer");
  app.add_flag("--no-shuffle", options.no_shuffle, "Keep the order of the files in every epoch");
}

void add_optimizer_flags(CLI::App& app, train::Options& options) {
  app.add_option("--learning-rate", options.learning_rate, "Peak learning rate, after the warm-up");
  app.add_option("--min-learning-rate",
                 options.min_learning_rate,
                 "Learning rate at the end of the cosine schedule");
  app.add_option("--warmup-ratio",
                 options.warmup_ratio,
                 "Fraction of all steps used for linear warm-up, 0 to below 1");
  app.add_option("--weight-decay",
                 options.weight_decay,
                 "AdamW's decoupled weight decay; not applied to norms and biases");
  app.add_option(
      "--adam-beta1", options.adam_beta1, "AdamW's decay rate of the gradient's running mean");
  app.add_option("--adam-beta2",
                 options.adam_beta2,
                 "AdamW's decay rate of the squared gradient's running mean");
  app.add_option("--adam-eps", options.adam_eps, "AdamW's epsilon, added to the denominator");
  app.add_option("--max-grad-norm",
                 options.max_grad_norm,
                 "Clip the gradient to this global L2 norm (0: no clipping)");
}

void add_run_flags(CLI::App& app, TrainDpoCommandOptions& options) {
  app.add_option("--activation-checkpointing",
                 options.activation_checkpointing,
                 "Activations to recompute in the backward pass: none, selective (the cheap ones), "
                 "full, or auto (as few as fit in memory)");
  app.add_option("--eval-every",
                 options.train.eval_every,
                 "Steps between evaluations on --eval-pairs (0: at the start and the end only)");
  app.add_option("--save-every",
                 options.train.save_every,
                 "Steps between training checkpoints (0: not by steps)");
  app.add_option("--save-minutes",
                 options.train.save_minutes,
                 "Minutes between training checkpoints, whichever comes first (0: not by time)");
  app.add_option(
      "--keep-last", options.train.keep_last, "Number of training checkpoints kept on disk");
  app.add_option("--save-dtype",
                 options.save_dtype,
                 "Data type of the final model: float32, bfloat16 or auto (as in --model)");
  app.add_option("--nproc",
                 options.nproc,
                 "Number of ranks to start on this machine; omit it under torchrun and srun, which "
                 "start the ranks");
  app.add_option("--zero-stage",
                 options.train.zero_stage,
                 "ZeRO stage, what is sharded across ranks: 0 nothing, 1 optimizer states, 2 also "
                 "gradients, 3 also weights");
  app.add_option("--watchdog-seconds",
                 options.watchdog_seconds,
                 "Seconds without a heartbeat after which a rank counts as lost and the run ends");
}

void add_plan_flags(CLI::App& app, TrainPlanOptions& options) {
  const char* group = "Plan";
  app.add_flag("--plan",
               options.requested,
               "Print the memory of each rank and the time of the run (with --pairs), and exit; "
               "--model needs config.json only; plans for GPUs unless --device is cpu")
      ->group(group);
  app.add_option("--plan-ranks", options.ranks, "Ranks of the planned run")->group(group);
  app.add_option("--plan-memory",
                 options.memory_gib,
                 "GiB of each rank's device; 0: 74.5 (H100), on cpu what is free here")
      ->group(group);
  app.add_option("--plan-tflops",
                 options.peak_tflops,
                 "Peak of each rank's device in TFLOP/s (H100 and H200 in bfloat16: 989)")
      ->group(group);
}

}  // namespace

train::Options TrainDpoCommandOptions::resolve(uint64_t seed) const {
  train::Options resolved = train;
  resolved.loss = train::parse_loss_kind(loss);
  resolved.long_rows = train::parse_long_rows(long_rows);
  if (activation_checkpointing != "auto") {
    resolved.activation_checkpointing = parse_activation_checkpointing(activation_checkpointing);
  }
  resolved.shuffle = !no_shuffle;
  resolved.seed = seed;
  resolved.validate();
  if (nproc < 1) user_error("--nproc is ", nproc, ", expected at least 1");
  if (watchdog_seconds < 1) {
    user_error("--watchdog-seconds is ", watchdog_seconds, ", expected at least 1");
  }
  return resolved;
}

void add_train_flags(Command& command, TrainDpoCommandOptions& options) {
  command.app->add_option("--model", options.model, "Checkpoint folder of the model to train");
  add_max_position_flag(*command.app, options.max_position);
  add_list_option(
      command,
      "--pairs",
      options.pairs,
      "Training files with prompt, chosen and rejected per row (JSONL, JSONL.gz, JSON or "
      "Parquet)");
  add_list_option(command,
                  "--eval-pairs",
                  options.eval_pairs,
                  "Files of held-out pairs, evaluated but not trained on");
  add_data_flags(*command.app, options);
  add_optimizer_flags(*command.app, options.train);
  add_run_flags(*command.app, options);
  add_plan_flags(*command.app, options.plan);
}

}  // namespace retmask::cli
