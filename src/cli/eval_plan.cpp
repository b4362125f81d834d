#include "eval_plan.h"

#include <algorithm>
#include <map>

#include "retmask/base/format_text.h"
#include "retmask/base/log.h"
#include "retmask/engine/memory.h"
#include "retmask/model/device.h"
#include "retmask/train/utilization.h"

namespace retmask::cli {
namespace {

struct LengthPlan {
  int64_t samples = 0;
  int64_t tokens = 0;
  double flops = 0;
};

// A forward pass has a third of the operations of a training step.
double prefill_flops(const train::TrainingFlops& training, int64_t tokens) {
  return training.of_sequence(tokens, /*scored_tokens=*/1) / 3.0;
}

std::string duration(double seconds) {
  if (seconds < 120) return format_text("%.0f s", seconds);
  return seconds < 7200 ? format_text("%.0f min", seconds / 60)
                        : format_text("%.1f h", seconds / 3600);
}

}  // namespace

void log_plan(const Evaluation& evaluation, const std::vector<eval::Sample>& samples) {
  if (log::is_quiet() || samples.empty()) return;
  const torch::ScalarType dtype = parse_dtype(evaluation.common.dtype, evaluation.config.dtype);
  const train::TrainingFlops training(evaluation.config);
  std::map<int64_t, LengthPlan, std::greater<>> plans;
  const int64_t thinking =
      evaluation.options.resolved_thinking().extra_tokens(*evaluation.tokenizer);
  int64_t longest = 0;
  double flops = 0;
  for (const eval::Sample& sample : samples) {
    const auto tokens = static_cast<int64_t>(sample.prompt.size());
    LengthPlan& plan = plans[sample.length.value_or(0)];
    ++plan.samples;
    plan.tokens += tokens;
    plan.flops += prefill_flops(training, tokens);
    flops += prefill_flops(training, tokens);
    longest = std::max(longest, tokens + sample.max_new_tokens + thinking);
  }
  const double speed = train::measure_peak_flops(evaluation.device, dtype);
  for (const auto& [length, plan] : plans) {
    log::info(
        format_text("plan: length %ld: %ld samples, %.1f million prompt tokens, %.3g TFLOP of "
                    "prefill, at least %s",
                    static_cast<long>(length),
                    static_cast<long>(plan.samples),
                    static_cast<double>(plan.tokens) / 1e6,
                    plan.flops / 1e12,
                    duration(plan.flops / speed).c_str()));
  }
  const MemoryBudget memory =
      memory_budget(evaluation.config,
                    evaluation.device,
                    dtype,
                    {.max_batch_size = evaluation.options.batch_size,
                     .max_sequence_tokens = std::min(longest, evaluation.config.max_positions),
                     .prefix_cache = true});
  log::info(format_text("plan: all lengths at least %s at %.3g TFLOP/s (prompts that begin alike "
                        "take less); memory ",
                        duration(flops / speed).c_str(),
                        speed / 1e12) +
            memory.text());
}

}  // namespace retmask::cli
