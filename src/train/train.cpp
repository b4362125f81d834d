#include "retmask/train/train.h"

#include <chrono>
#include <optional>

#include "checkpoints.h"
#include "objective.h"
#include "optimizer.h"
#include "reference.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/format_text.h"
#include "retmask/base/log.h"
#include "retmask/base/memory.h"
#include "retmask/base/progress.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/device.h"
#include "retmask/train/batches.h"
#include "retmask/train/memory_plan.h"
#include "retmask/train/utilization.h"
#include "sharded_gradients.h"
#include "sharded_parameters.h"
#include "steps.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr const char* kHeldOutFile = "eval_metrics.jsonl";
constexpr const char* kSummaryFile = "training.json";
constexpr const char* kCheckpointFolder = "checkpoints";

// Everything that determines the trained weights.
Json make_identity(const Job& job, const Options& options) {
  Json identity = options.identity();
  identity["model"] = job.checkpoint.fingerprint();
  identity["data"] = hash_examples(job.examples);
  identity["dtype"] = std::string(safetensors_name(from_torch(job.model.dtype())));
  identity["save-dtype"] = std::string(safetensors_name(job.save_dtype));
  return identity;
}

// The signal that asked any rank to stop, or null. Collective.
const char* signal_anywhere(const Job& job) {
  const char* own = job.stop_asked ? job.stop_asked() : nullptr;
  if (!job.group->any(own != nullptr)) return nullptr;
  return own != nullptr ? own : "a signal to another rank";
}

void stop_reference_if_asked(const Job& job) {
  if (const char* signal = signal_anywhere(job)) {
    throw Stopped(format_text(
        "stopped by %s; the log-probs of the untrained model so far are kept; run the same command "
        "again to resume",
        signal));
  }
}

// Thrown inside a step or between two steps; handled in one place, train_steps.
struct StopAsked {
  const char* signal;
};

void stop_if_asked_anywhere(const Job& job) {
  if (const char* signal = signal_anywhere(job)) throw StopAsked{signal};
}

std::string progress_note(const StepMetrics& metrics) {
  return format_text("loss %.4f, %.0f tokens/s, %.0f %% of peak, %.1f GB",
                     metrics.pairs.loss,
                     static_cast<double>(metrics.tokens) / metrics.seconds,
                     100 * metrics.utilization,
                     static_cast<double>(metrics.memory_bytes) / 1e9);
}

Result summarize(const fs::path& out) {
  const std::vector<Json> metrics = read_json_lines(out / kMetricsFile, "metrics file");
  Result summary;
  for (const Json& row : metrics) {
    const auto tokens = row.at("tokens").get<int64_t>();
    summary.tokens += tokens;
    summary.seconds += static_cast<double>(tokens) / row.at("tokens_per_second").get<double>();
  }
  summary.steps = static_cast<int64_t>(metrics.size());
  summary.last_step = metrics.back();
  if (fs::exists(out / kHeldOutFile)) {
    const std::vector<Json> held_out = read_json_lines(out / kHeldOutFile, "metrics file");
    summary.held_out_before = held_out.front();
    summary.held_out_after = held_out.back();
  }
  return summary;
}

// Reads straight from the file's pages, then releases them.
ReadWeights reader_of(const Checkpoint& checkpoint) {
  return [&checkpoint](const std::string& name, int64_t begin, const torch::Tensor& into) {
    const TensorSpec& spec = checkpoint.tensors().at(name);
    auto* bytes = const_cast<std::byte*>(checkpoint.bytes(name).data());  // copy_ only reads them
    const torch::Tensor stored =
        torch::from_blob(bytes, {spec.num_elements()}, to_torch(spec.type));
    into.copy_(stored.narrow(0, begin, into.size(0)));
    checkpoint.release(name);
    stop_point();
  };
}

// The parameters of all units in order.
class WeightStream {
 public:
  explicit WeightStream(ShardedParameters& parameters) : parameters_(parameters) {}

  // `name` must be the parameter after the previous one.
  torch::Tensor next(const std::string& name) {
    if (!weights_.defined()) weights_ = parameters_.gather(unit_);
    const auto& members = parameters_.unit(unit_).parameters;
    const UnitParameter& member = members[index_];
    RETMASK_CHECK(member.name == name);
    const torch::Tensor weight =
        weights_.narrow(0, member.offset, member.tensor.numel()).view(member.tensor.sizes());
    if (++index_ == members.size()) {
      weights_.reset();
      index_ = 0;
      ++unit_;
    }
    return weight;
  }

 private:
  ShardedParameters& parameters_;
  torch::Tensor weights_;
  size_t unit_ = 0;
  size_t index_ = 0;
};

// Writes the float32 weights as a checkpoint folder with the source's config and tokenizer.
// Collective: rank 0 gathers and writes one unit at a time, so no host holds more than one unit in
// addition to its own share. Throws UserError.
void save_final_model(const Job& job, ShardedParameters& parameters) {
  const torch::NoGradGuard no_grad;
  if (!job.group->is_first()) {
    for (size_t i = 0; i < parameters.num_units(); ++i) parameters.gather(i);
    return;
  }
  WeightStream stream(parameters);
  const auto weight_of = [&](const std::string& name) { return stream.next(name); };
  save_model(job.model, job.checkpoint, job.out, job.save_dtype, weight_of, job.save);
}

void announce(const Options& options, const BatchPlan& plan, int64_t num_rows) {
  const int64_t steps = plan.total_steps();
  const int64_t warmup = warmup_steps(options, steps);
  log::info(format_text("%ld rows in batches of %ld: %ld steps, %ld per epoch, %ld of them warm-up",
                        num_rows,
                        options.global_batch_size,
                        steps,
                        plan.steps_per_epoch(),
                        warmup));
  if (warmup == steps) {
    log::warn(
        "every step is a warm-up step and the first has learning rate 0; use a smaller "
        "--global-batch-size, more --epochs or --warmup-ratio 0");
  }
}

// The device's peak, against which utilization is measured.
double measured_peak(const CausalLm& model) {
  const double peak = measure_peak_flops(model.device(), model.dtype());
  log::info(format_text("peak of a matrix product: %.3g TFLOP/s", peak / 1e12));
  return peak;
}

void save_state(TrainingCheckpoints& checkpoints, const AdamW& optimizer, const fs::path& out) {
  const auto start = std::chrono::steady_clock::now();
  checkpoints.save(optimizer);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  log::info(format_text("saved %s/step-%ld in %.2f s",
                        (out / kCheckpointFolder).c_str(),
                        optimizer.steps_taken(),
                        elapsed.count()));
}

void report_held_out(const Json& row) {
  if (row.is_null()) return;
  std::string text = format_text("held out, after step %ld: loss %.4f",
                                 row.at("step").get<int64_t>(),
                                 row.at("loss").get<double>());
  if (!row.at("margin").is_null()) {
    text += format_text(", margin %.4f, accuracy %.4f",
                        row.at("margin").get<double>(),
                        row.at("accuracy").get<double>());
  }
  log::info(text);
}

struct StepLoop {
  const Job& job;
  const Options& options;
  const BatchPlan& plan;
  StepRunner& runner;
  HeldOut* held_out;  // null without held-out rows
  const AdamW& optimizer;
  TrainingCheckpoints& checkpoints;
};

// The remaining steps, with logging, evaluation and checkpoints between them. Throws StopAsked.
void run_steps(const StepLoop& loop) {
  const auto& [job, options, plan, runner, held_out, optimizer, checkpoints] = loop;
  const TrainingFlops flops(job.model.config());
  double peak = 1;  // of this rank's device; assumed equal on all ranks
  std::unique_ptr<Journal> metrics;
  if (job.group->is_first()) {
    peak = measured_peak(job.model);
    metrics = open_metrics(job.out / kMetricsFile, optimizer.steps_taken());
  }
  SaveSchedule saves(options);
  if (held_out) {
    report_held_out(held_out->evaluate_if_due(optimizer.steps_taken(), plan.total_steps()));
  }
  Progress progress("train", plan.total_steps(), "steps", optimizer.steps_taken());
  while (optimizer.steps_taken() < plan.total_steps()) {
    stop_if_asked_anywhere(job);
    const int64_t taken = optimizer.steps_taken();
    const RowIndices batch = plan.batch(taken);
    StepMetrics step = runner.run(batch, learning_rate_at(options, taken, plan.total_steps()));
    step.utilization = flops.of_rows(job.examples, batch) /
                       (step.seconds * peak * static_cast<double>(job.group->size()));
    step.memory_bytes = peak_memory(job.model.device());
    if (metrics) metrics->append(step.to_json());
    job.on_step(step.step);
    progress.advance(1, progress_note(step));
    if (held_out) report_held_out(held_out->evaluate_if_due(step.step, plan.total_steps()));
    // Clocks differ, so rank 0's decides. The last step needs no checkpoint: its state is the final
    // model.
    const bool due = job.group->any(job.group->is_first() && saves.due(step.step));
    if (due && step.step < plan.total_steps()) {
      save_state(checkpoints, optimizer, job.out);
      saves.saved();
    }
  }
}

// Resumes from the newest checkpoint and trains up to the final model. Throws Stopped once the
// state is saved.
void train_steps(Job& job,
                 const Options& options,
                 ShardedParameters& parameters,
                 const References& references,
                 TrainingCheckpoints& checkpoints) {
  distributed::ProcessGroup& group = *job.group;
  job.model.set_requires_grad(true);
  AdamW optimizer(parameters, options);
  ShardedGradients gradients(parameters, group);
  if (const auto step = checkpoints.load(optimizer)) {
    log::info("resuming after step " + std::to_string(*step));
  }

  const HoldStops until_the_state_is_saved;

  const BatchPlan plan(static_cast<int64_t>(job.examples.size()), options);
  announce(options, plan, static_cast<int64_t>(job.examples.size()));
  Objective objective(job.model, job.examples, references.training, options);
  Objective held_out_objective(job.model, job.held_out, references.held_out, options);
  // Several ranks agree on a stop between steps only: within a step each is at a different
  // micro-batch.
  if (group.size() == 1) {
    objective.set_before_pass([&] { stop_if_asked_anywhere(job); });
    held_out_objective.set_before_pass([&] { stop_if_asked_anywhere(job); });
  }
  std::optional<HeldOut> held_out;
  if (!job.held_out.empty()) {
    held_out.emplace(job.held_out,
                     held_out_objective,
                     options,
                     job.out / kHeldOutFile,
                     optimizer.steps_taken(),
                     group);
  }
  StepRunner runner(objective, job.examples, gradients, optimizer, group, options);
  try {
    run_steps({.job = job,
               .options = options,
               .plan = plan,
               .runner = runner,
               .held_out = held_out ? &*held_out : nullptr,
               .optimizer = optimizer,
               .checkpoints = checkpoints});
  } catch (const StopAsked& asked) {
    const int64_t done = optimizer.steps_taken();
    if (done > 0 && checkpoints.newest() != done) save_state(checkpoints, optimizer, job.out);
    throw Stopped(format_text(
        "stopped by %s after step %ld of %ld; the state is saved; run the same command again to "
        "resume",
        asked.signal,
        done,
        plan.total_steps()));
  }
  save_final_model(job, parameters);
}

}  // namespace

Result run(Job job, Options options) {
  options.validate();
  RETMASK_CHECK(!job.examples.empty());
  if (fs::exists(job.out) && fs::equivalent(job.out, job.checkpoint.dir())) {
    user_error("--out ", job.out, " is the model's own folder; give a different --out");
  }
  const Json identity = make_identity(job, options);
  const fs::path summary_path = job.out / kSummaryFile;
  distributed::ProcessGroup& group = *job.group;
  if (group.any(group.is_first() && fs::exists(summary_path))) {
    if (!group.is_first()) return {};
    const Json finished = read_json_file(summary_path, "training summary");
    check_identity(
        json_get<Json>(finished, "identity", summary_path.string()), identity, job.out.string());
    log::info("this run is already finished");
    return summarize(job.out);
  }
  TrainingCheckpoints checkpoints(job.out / kCheckpointFolder, identity, options.keep_last, group);
  const MemoryPlan memory = settle_memory(job, options, checkpoints.has_state());
  if (job.model.device().is_cpu()) keep_large_tensors(memory.total());

  job.model.set_activation_checkpointing(*options.activation_checkpointing);
  ShardedParameters parameters(job.model.parameters(),
                               group,
                               options.zero_stage,
                               job.model.device(),
                               reader_of(job.checkpoint));
  if (options.zero_stage == 3) job.model.set_weight_gatherer(&parameters);
  const References references =
      compute_references(job, options, identity, [&] { stop_reference_if_asked(job); });
  train_steps(job, options, parameters, references, checkpoints);
  if (!group.is_first()) return {};
  const Result summary = summarize(job.out);
  const int64_t peak = peak_memory(job.model.device());
  log::info("peak memory " + format_bytes(peak) + ", planned " + format_bytes(memory.total()));
  write_json_file(summary_path,
                  {{"steps", summary.steps},
                   {"tokens", summary.tokens},
                   {"seconds", summary.seconds},
                   {"last_step", summary.last_step},
                   {"memory", {{"planned", memory.total()}, {"peak", peak}}},
                   {"identity", identity}});
  return summary;
}

}  // namespace retmask::train
