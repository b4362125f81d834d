#include "retmask/train/options.h"

#include <cmath>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"

namespace retmask::train {
namespace {

constexpr EnumNames<LossKind, 3> kLossNames{
    {{{LossKind::dpo, "dpo"}, {LossKind::sft, "sft"}, {LossKind::ipo, "ipo"}}}};
constexpr EnumNames<LongRows, 3> kLongRowsNames{
    {{{LongRows::error, "error"}, {LongRows::drop, "drop"}, {LongRows::truncate, "truncate"}}}};

void require(bool condition, const char* flag, double value, const char* expected) {
  if (condition && std::isfinite(value)) return;
  user_error(flag, " is ", value, ", expected ", expected);
}

// --reference-truncation fixes its own limits and policy.
void check_reference_truncation(const Options& options) {
  if (options.loss == LossKind::sft) {
    user_error("--reference-truncation applies to --loss dpo and ipo, not to sft");
  }
  if (options.max_length > 0) {
    user_error("--reference-truncation has fixed lengths; omit --max-length");
  }
  if (options.long_rows != LongRows::error) {
    user_error("--reference-truncation already truncates long rows; omit --long-rows");
  }
}

}  // namespace

std::string to_string(LossKind kind) { return kLossNames.name_of(kind); }
std::string to_string(LongRows policy) { return kLongRowsNames.name_of(policy); }

LossKind parse_loss_kind(const std::string& name) { return kLossNames.parse("--loss", name); }
LongRows parse_long_rows(const std::string& name) {
  return kLongRowsNames.parse("--long-rows", name);
}

void Options::validate() const {
  require(beta > 0, "--beta", beta, "a number above 0");
  require(label_smoothing >= 0 && label_smoothing < 0.5,
          "--label-smoothing",
          label_smoothing,
          "at least 0 and below 0.5");
  if (label_smoothing > 0 && loss != LossKind::dpo) {
    user_error("--label-smoothing applies to --loss dpo, not to ", to_string(loss));
  }
  if (length_normalize && loss == LossKind::ipo) {
    user_error("--length-normalize applies to --loss dpo and sft; ipo always divides by lengths");
  }
  require(epochs > 0, "--epochs", epochs, "at least 1");
  require(max_steps >= 0, "--max-steps", max_steps, "at least 1, or 0 for all epochs");
  require(global_batch_size > 0, "--global-batch-size", global_batch_size, "at least 1");
  require(micro_batch_tokens > 0, "--micro-batch-tokens", micro_batch_tokens, "at least 1");
  require(max_length >= 0 && max_length != 1,
          "--max-length",
          max_length,
          "at least 2, or 0 for whole answers");
  if (reference_truncation) check_reference_truncation(*this);
  require(learning_rate > 0, "--learning-rate", learning_rate, "a number above 0");
  require(min_learning_rate >= 0 && min_learning_rate <= learning_rate,
          "--min-learning-rate",
          min_learning_rate,
          "between 0 and --learning-rate");
  require(warmup_ratio >= 0 && warmup_ratio < 1, "--warmup-ratio", warmup_ratio, "in [0, 1)");
  require(weight_decay >= 0, "--weight-decay", weight_decay, "at least 0");
  require(adam_beta1 >= 0 && adam_beta1 < 1, "--adam-beta1", adam_beta1, "in [0, 1)");
  require(adam_beta2 >= 0 && adam_beta2 < 1, "--adam-beta2", adam_beta2, "in [0, 1)");
  require(adam_eps > 0, "--adam-eps", adam_eps, "a number above 0");
  require(max_grad_norm >= 0, "--max-grad-norm", max_grad_norm, "at least 0 (0: no clipping)");
  require(zero_stage >= 0 && zero_stage <= 3, "--zero-stage", zero_stage, "0, 1, 2 or 3");
  if (zero_stage == 3 && activation_checkpointing &&
      *activation_checkpointing != ActivationCheckpointing::full) {
    user_error("--activation-checkpointing is ",
               to_string(*activation_checkpointing),
               ", but --zero-stage 3 releases a layer's weights before its backward pass; give "
               "full or omit the flag");
  }
  require(eval_every >= 0, "--eval-every", eval_every, "at least 0 (0: at the start and the end)");
  require(save_every >= 0, "--save-every", save_every, "at least 0 (0: not by steps)");
  require(save_minutes >= 0, "--save-minutes", save_minutes, "at least 0 (0: not by time)");
  require(keep_last > 0, "--keep-last", keep_last, "at least 1");
}

Json Options::identity() const {
  return {{"loss", to_string(loss)},
          {"beta", beta},
          {"label-smoothing", label_smoothing},
          {"length-normalize", length_normalize},
          {"epochs", epochs},
          {"max-steps", max_steps},
          {"global-batch-size", global_batch_size},
          {"micro-batch-tokens", micro_batch_tokens},
          {"max-length", max_length},
          {"long-rows", to_string(long_rows)},
          {"reference-truncation", reference_truncation},
          {"shuffle", shuffle},
          {"seed", seed},
          {"learning-rate", learning_rate},
          {"min-learning-rate", min_learning_rate},
          {"warmup-ratio", warmup_ratio},
          {"weight-decay", weight_decay},
          {"adam-beta1", adam_beta1},
          {"adam-beta2", adam_beta2},
          {"adam-eps", adam_eps},
          {"max-grad-norm", max_grad_norm}};
}

}  // namespace retmask::train
