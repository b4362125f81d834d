#include "settle_memory.h"

#include "retmask/base/log.h"
#include "retmask/base/memory.h"

namespace fs = std::filesystem;

namespace retmask::train {

MemoryPlan settle_memory(const TrainingJob& job, TrainOptions& options, bool goes_on) {
  distributed::ProcessGroup& group = *job.group;
  const fs::path path = job.out / "memory_plan.json";
  MemoryCase memory_case{.device = job.model.device(),
                         .dtype = job.model.dtype(),
                         .ranks = group.size(),
                         .zero_stage = options.zero_stage,
                         .pass = largest_micro_batch(
                             job.examples, options, group.size(), job.model.config().hidden_size)};
  std::optional<ActivationCheckpointing> mode = options.activation_checkpointing;
  if (options.zero_stage == 3) mode = ActivationCheckpointing::full;
  if (!mode && goes_on && fs::exists(path)) {
    const Json earlier = read_json_file(path, "memory plan");
    mode = parse_activation_checkpointing(
        json_get<std::string>(earlier, "activation_checkpointing", path.string()));
  }
  if (!mode) {
    mode = choose_activation_checkpointing(
        job.model.config(), memory_case, job.memory.process, job.memory.available);
  }
  // Ranks may find different amounts of free memory; rank 0 decides.
  const double choice = group.is_first() ? static_cast<double>(*mode) : 0;
  mode = static_cast<ActivationCheckpointing>(group.sum({choice}).front());
  options.activation_checkpointing = mode;
  memory_case.activation_checkpointing = *mode;

  MemoryPlan plan = plan_memory(job.model.config(), memory_case);
  plan.process = job.memory.process;
  log::info("memory per rank " + plan.text() + "; activation checkpointing: " + to_string(*mode));
  if (plan.total() > job.memory.available) {
    log::warn("only " + format_bytes(job.memory.available) +
              " available; lower --micro-batch-tokens, train on more ranks or raise "
              "--zero-stage");
  }
  if (group.is_first()) {
    Json file = plan.to_json();
    file["activation_checkpointing"] = to_string(*mode);
    write_json_file(path, file);
  }
  return plan;
}

}  // namespace retmask::train
