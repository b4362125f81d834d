#include "retmask/train/trainer.h"

#include <cstdio>

#include "checkpoints.h"
#include "final_model.h"
#include "optimizer.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"
#include "retmask/model/device.h"
#include "retmask/train/batches.h"
#include "retmask/train/metrics.h"
#include "retmask/train/objective.h"
#include "retmask/train/reference.h"
#include "retmask/train/schedule.h"
#include "sharded_gradients.h"
#include "sharded_parameters.h"
#include "step_runner.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr const char* kReferenceFile = "reference_logprobs.jsonl";
constexpr const char* kSummaryFile = "training.json";
constexpr const char* kCheckpointFolder = "checkpoints";

// Everything that decides about the trained weights.
Json make_identity(const TrainingJob& job, const TrainOptions& options) {
  Json identity = options.identity();
  identity["model"] = job.checkpoint.fingerprint();
  identity["data"] = hash_examples(job.examples);
  identity["dtype"] = std::string(safetensors_name(from_torch(job.model.dtype())));
  identity["save-dtype"] = std::string(safetensors_name(job.save_dtype));
  return identity;
}

PairLogprobs compute_reference(const TrainingJob& job,
                               const TrainOptions& options,
                               const Json& identity) {
  if (options.loss == LossKind::sft) return {};
  const Json key = {{"model", identity["model"]},
                    {"data", identity["data"]},
                    {"dtype", identity["dtype"]},
                    {"micro-batch-tokens", options.micro_batch_tokens}};
  return reference_logprobs(job.model,
                            job.examples,
                            options.micro_batch_tokens,
                            job.out / kReferenceFile,
                            sha256(key.dump()),
                            *job.group,
                            /*in_step=*/options.zero_stage == 3);
}

std::string progress_note(const StepMetrics& metrics) {
  char note[64];
  std::snprintf(note,
                sizeof note,
                "loss %.4f, %.0f tokens/s",
                metrics.loss,
                static_cast<double>(metrics.tokens) / metrics.seconds);
  return note;
}

TrainingSummary summarize(const std::vector<Json>& metrics) {
  TrainingSummary summary;
  for (const Json& row : metrics) {
    const auto tokens = row.at("tokens").get<int64_t>();
    summary.tokens += tokens;
    summary.seconds += static_cast<double>(tokens) / row.at("tokens_per_second").get<double>();
  }
  summary.steps = static_cast<int64_t>(metrics.size());
  summary.last_step = metrics.back();
  return summary;
}

// The elements of a parameter as the checkpoint holds them.
ReadWeights reader_of(const Checkpoint& checkpoint) {
  return [&checkpoint](const std::string& name, int64_t begin, const torch::Tensor& into) {
    const TensorSpec& spec = checkpoint.tensors().at(name);
    auto* bytes = const_cast<std::byte*>(checkpoint.bytes(name).data());  // copy_ only reads them
    const torch::Tensor stored =
        torch::from_blob(bytes, {spec.num_elements()}, to_torch(spec.type));
    into.copy_(stored.narrow(0, begin, into.size(0)));
  };
}

void announce(const TrainOptions& options, const BatchPlan& plan, int64_t num_rows) {
  const int64_t steps = plan.total_steps();
  const int64_t warmup = warmup_steps(options, steps);
  log::info(detail::concat(num_rows,
                           " rows in batches of ",
                           options.global_batch_size,
                           ": ",
                           steps,
                           " steps, ",
                           plan.steps_per_epoch(),
                           " per epoch, ",
                           warmup,
                           " of them warm-up"));
  if (warmup == steps) {
    log::warn(
        "all steps are warm-up and the first has learning rate 0; give a smaller "
        "--global-batch-size, more --epochs "
        "or --warmup-ratio 0");
  }
}

void train_steps(TrainingJob& job,
                 const TrainOptions& options,
                 ShardedParameters& parameters,
                 const PairLogprobs& reference,
                 const Json& identity) {
  distributed::ProcessGroup& group = *job.group;
  job.model.set_requires_grad(true);
  AdamW optimizer(parameters, options);
  ShardedGradients gradients(parameters, group);
  TrainingCheckpoints checkpoints(job.out / kCheckpointFolder, identity, options.keep_last, group);
  if (const auto step = checkpoints.load(optimizer)) {
    log::info("goes on behind step " + std::to_string(*step));
  }

  const BatchPlan plan(static_cast<int64_t>(job.examples.size()), options);
  announce(options, plan, static_cast<int64_t>(job.examples.size()));
  const Objective objective(job.model, job.examples, reference, options);
  StepRunner runner(objective, job.examples, plan, gradients, optimizer, group, options);
  std::unique_ptr<Journal> metrics;
  if (group.is_first()) metrics = open_metrics(job.out / kMetricsFile, optimizer.steps_taken());
  Progress progress("train", plan.total_steps(), "steps", optimizer.steps_taken());
  while (optimizer.steps_taken() < plan.total_steps()) {
    const StepMetrics step = runner.run();
    if (metrics) metrics->append(step.to_json());
    job.on_step(step.step);
    progress.advance(1, progress_note(step));
    // The last step's state is the final model itself.
    const bool last = step.step == plan.total_steps();
    if (options.save_every > 0 && step.step % options.save_every == 0 && !last) {
      checkpoints.save(optimizer);
    }
  }
  progress.finish();
  save_final_model(job.model, job.checkpoint, job.out, job.save_dtype, parameters, group);
}

}  // namespace

TrainingSummary run_training(TrainingJob job, const TrainOptions& options) {
  options.validate();
  RETMASK_CHECK(!job.examples.empty());
  if (fs::exists(job.out) && fs::equivalent(job.out, job.checkpoint.dir())) {
    user_error("--out ", job.out, " is the model's own folder; give another one");
  }
  const Json identity = make_identity(job, options);
  const fs::path summary_path = job.out / kSummaryFile;
  distributed::ProcessGroup& group = *job.group;
  if (group.any(group.is_first() && fs::exists(summary_path))) {
    if (!group.is_first()) return {};
    const Json finished = read_json_file(summary_path, "training summary");
    check_identity(
        json_get<Json>(finished, "identity", summary_path.string()), identity, job.out.string());
    log::info("this run is finished already");
    return summarize(read_json_lines(job.out / kMetricsFile, "metrics file"));
  }

  // A layer whose weights come and go is computed again in the backward pass anyway.
  job.model.set_activation_checkpointing(options.activation_checkpointing ||
                                         options.zero_stage == 3);
  ShardedParameters parameters(job.model.parameters(),
                               group,
                               options.zero_stage,
                               job.model.device(),
                               options.zero_stage == 3 ? reader_of(job.checkpoint) : nullptr);
  if (options.zero_stage == 3) job.model.set_weight_lender(&parameters);
  const PairLogprobs reference = compute_reference(job, options, identity);
  train_steps(job, options, parameters, reference, identity);
  if (!group.is_first()) return {};
  const TrainingSummary summary =
      summarize(read_json_lines(job.out / kMetricsFile, "metrics file"));
  write_json_file(summary_path,
                  {{"steps", summary.steps},
                   {"tokens", summary.tokens},
                   {"seconds", summary.seconds},
                   {"last_step", summary.last_step},
                   {"identity", identity}});
  return summary;
}

}  // namespace retmask::train
