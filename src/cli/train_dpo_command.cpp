#include "train_dpo_command.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "ranks.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/memory.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/compute_path.h"
#include "retmask/model/device.h"
#include "retmask/train/train.h"
#include "train_flags.h"
#include "train_plan.h"

namespace retmask::cli {
namespace {

TensorType parse_save_dtype(const std::string& name, TensorType source) {
  if (name == "auto") return source;
  if (name == "float32") return TensorType::float32;
  if (name == "bfloat16") return TensorType::bfloat16;
  user_error("--save-dtype is \"", name, "\", expected float32, bfloat16 or auto");
}

struct Examples {
  std::vector<train::TrainingExample> training;
  std::vector<train::TrainingExample> held_out;
};

Examples load_examples(const TrainDpoCommandOptions& options,
                       const train::Options& train_options,
                       const ModelConfig& config,
                       const Moment& moment) {
  const auto tokenizer = Tokenizer::load(options.model);
  const train::RowTokenizer rows(*tokenizer, options.model, moment, config.vocab_size);
  const auto read = [&](const std::vector<std::filesystem::path>& files) {
    return train::read_examples(files, rows, train_options, config.max_positions);
  };
  Examples examples{.training = read(options.pairs), .held_out = {}};
  if (!options.eval_pairs.empty()) examples.held_out = read(options.eval_pairs);
  return examples;
}

void print_held_out(const Json& before, const Json& after) {
  const auto print = [&](const char* key) {
    std::printf(" %s %.4f -> %.4f", key, before.at(key).get<double>(), after.at(key).get<double>());
  };
  std::printf("\nheld out, before and after:");
  print("loss");
  if (after.at("margin").is_null()) return;
  std::printf(",");
  print("margin");
  std::printf(",");
  print("accuracy");
}

void print_summary(const train::Result& summary, const std::filesystem::path& out) {
  const Json& last = summary.last_step;
  std::printf("trained %ld steps, %ld tokens in %.1f s (%.1f tokens/s)\nlast step: loss %.4f",
              summary.steps,
              summary.tokens,
              summary.seconds,
              static_cast<double>(summary.tokens) / summary.seconds,
              last.at("loss").get<double>());
  if (!last.at("margin").is_null()) {
    std::printf(", margin %.4f, accuracy %.4f",
                last.at("margin").get<double>(),
                last.at("accuracy").get<double>());
  }
  if (!summary.held_out_after.is_null()) {
    print_held_out(summary.held_out_before, summary.held_out_after);
  }
  std::printf("\nmodel: %s\n", out.c_str());
  std::fflush(stdout);  // a rank that loses another one ends without it
}

// Ranks started by --nproc share the machine's cores, unless --threads is given.
void share_threads(const CommonOptions& common, const distributed::Placement& placement) {
  if (placement.launcher != distributed::Launcher::nproc) return;
  if (common.threads != CommonOptions().threads) return;
  at::set_num_threads(static_cast<int>(std::max<int64_t>(1, common.threads / placement.size)));
}

// CPU ranks on one machine share its memory; a GPU rank has its own. A tenth stays free.
train::MemoryRoom measure_memory(torch::Device device, const distributed::Placement& placement) {
  const auto usable = [](int64_t bytes) {
    return static_cast<int64_t>(kUsableMemory * static_cast<double>(bytes));
  };
  if (!device.is_cpu()) return {.process = 0, .available = usable(free_memory(device))};
  const int64_t process = resident_memory();
  return {.process = process,
          .available = process + usable(available_memory()) / placement.local_size};
}

RunRules train_rules() {
  return {
      .ignored = {"save-every",
                  "save-minutes",
                  "keep-last",
                  "nproc",
                  "zero-stage",
                  "watchdog-seconds",
                  "plan",
                  "plan-ranks",
                  "plan-memory",
                  "plan-tflops"},
      .inputs = {{"model", "model"}, {"pairs", "pairs"}, {"eval-pairs", "eval-pairs"}},
      .settled = {{"dtype", "dtype"}, {"save-dtype", "save-dtype"}},
  };
}

// Rank 0's moment: clocks differ, and the date may change between ranks.
Moment shared_moment(const RunRecord* run, distributed::ProcessGroup& group) {
  const int64_t own = run != nullptr ? run->moment().wall_seconds() : 0;
  return Moment::from_wall_seconds(
      static_cast<int64_t>(group.sum({static_cast<double>(own)}).front()));
}

// Save options of the final model, for rank 0. A finished run does not save again.
SaveOptions save_options(RunRecord& run, const std::filesystem::path& out) {
  if (!std::filesystem::exists(out / "training.json")) {
    check_checkpoint_folder(out, run.own_files());
  }
  return {.own_files = run.own_files(),
          .announce = [&run](const Json& files) { run.set_own_files(files); }};
}

// One rank's part of the run. Only rank 0 writes run.json, shows progress and prints the result.
void train_as_rank(const TrainDpoCommandOptions& options,
                   const train::Options& train_options,
                   const Invocation& invocation,
                   torch::Device device,
                   const std::shared_ptr<distributed::ProcessGroup>& group,
                   distributed::Watchdog& watchdog) {
  const CommonOptions& common = invocation.common;
  const auto stop_together = [&] {
    const char* signal = stop_asked_by();
    if (!group->any(signal != nullptr)) return;
    throw Stopped("stopped by " + std::string(signal ? signal : "a signal to another rank") +
                  " before the first step; run the same command again");
  };
  stop_together();
  if (!group->is_first()) log::hide_warnings();
  share_threads(common, group->placement());
  std::optional<OutputLock> lock;  // with --nproc the parent process holds it
  std::unique_ptr<RunRecord> run;
  if (group->is_first()) {
    if (group->placement().launcher != distributed::Launcher::nproc) {
      lock.emplace(invocation.claim_out({options.model}));
    }
    // Constructed in place: a RunRecord cannot be moved.
    run.reset(new RunRecord(invocation.start_run(train_rules())));
  }
  const Moment moment = shared_moment(run.get(), *group);
  const Checkpoint checkpoint(options.model);
  ModelConfig config = read_model_config(checkpoint);
  limit_positions(config, options.max_position);
  const TensorType save_dtype = parse_save_dtype(options.save_dtype, config.dtype);
  const torch::ScalarType dtype = parse_dtype(common.dtype, config.dtype);
  if (run) {
    add_model_input("model", checkpoint, *run);
    run->add_input("pairs", hash_files(options.pairs));
    if (!options.eval_pairs.empty()) run->add_input("eval-pairs", hash_files(options.eval_pairs));
    run->settle("dtype", c10::toString(dtype));
    run->settle("save-dtype", std::string(safetensors_name(save_dtype)));
    run->set_device(device.str());
    run->set_compute(training_path(device, dtype));
    log::info("computes on " + training_path(device, dtype));
  }

  auto examples = load_examples(options, train_options, config, moment);
  stop_together();  // by now rank 0 has created --out
  const train::MemoryRoom memory = measure_memory(device, group->placement());
  train::Job job{.checkpoint = checkpoint,
                 .model = CausalLm::without_weights(checkpoint, config, device, dtype),
                 .examples = std::move(examples.training),
                 .out = common.out,
                 .save_dtype = save_dtype,
                 .group = group,
                 .on_step = [&](int64_t step) { watchdog.at_step(step); },
                 .held_out = std::move(examples.held_out),
                 .stop_asked = stop_asked_by,
                 .memory = memory,
                 .save = run ? save_options(*run, common.out) : SaveOptions()};
  const train::Result summary = train::run(std::move(job), train_options);
  if (!run) return;
  run->set_throughput("tokens_per_second", static_cast<double>(summary.tokens) / summary.seconds);
  run->finish();
  print_summary(summary, common.out);
}

// --plan: --model needs nothing but its config.json, with --pairs also its tokenizer.
void plan_training(const TrainDpoCommandOptions& options, const Invocation& invocation) {
  options.plan.validate();
  const train::Options train_options = options.resolve(invocation.common.seed);
  const auto path = options.model / "config.json";
  ModelConfig config = parse_model_config(read_json_file(path, "config file"), path.string());
  limit_positions(config, options.max_position);
  const torch::Device device = invocation.common.device == "cpu" ? torch::kCPU : torch::kCUDA;
  Examples examples;
  if (!options.pairs.empty()) {
    examples = load_examples(options, train_options, config, Moment::now());
  }
  print_train_plan(options.plan,
                   config,
                   device,
                   parse_dtype(invocation.common.dtype, config.dtype),
                   train_options,
                   examples.training);
}

void run_train_dpo(const TrainDpoCommandOptions& options, const Invocation& invocation) {
  if (options.plan.requested) return plan_training(options, invocation);
  const auto resolve = [&] { return options.resolve(invocation.common.seed); };
  const auto find_device = [&] { return parse_device(invocation.common.device); };
  const distributed::Placement placement = distributed::read_placement();
  const bool is_copy = placement.launcher == distributed::Launcher::nproc;
  if (options.nproc > 1 && !is_copy) {
    if (placement.size > 1) {
      user_error("--nproc is ",
                 options.nproc,
                 " inside a job of ",
                 placement.size,
                 " ranks that another launcher has started; omit it");
    }
    const OutputLock lock = invocation.claim_out({options.model});
    // Checked before starting copies, each of which would report the same error.
    resolve();
    find_device();
    run_copies_as_ranks(options.nproc);
    return;
  }
  // Everything that can fail comes after the rendezvous, so that one rank reports for all.
  const std::chrono::seconds limit(std::max<int64_t>(1, options.watchdog_seconds));
  run_as_rank(placement,
              {.watchdog_limit = limit},
              [&](const std::shared_ptr<distributed::ProcessGroup>& group,
                  distributed::Watchdog& watchdog) {
                const train::Options train_options = resolve();
                const torch::Device device = device_of_rank(find_device(), placement);
                group->connect(device);
                train_as_rank(options, train_options, invocation, device, group, watchdog);
              });
}

}  // namespace

Command setup_train_dpo(CLI::App& root) {
  auto options = std::make_shared<TrainDpoCommandOptions>();
  Command command = add_command(root,
                                "train-dpo",
                                "Train a model on preference pairs (DPO, IPO or SFT)",
                                "--model llama --pairs runs/pairs/pairs.jsonl --out runs/dpo");
  add_train_flags(command, *options);
  command.required = {"--model", "--pairs"};
  command.dry_run = {.flag = "--plan", .required = {"--model"}};
  command.alternatives = {
      {.sets = {{"epochs"}, {"max-steps!=0"}}},
      {.sets = {{"reference-truncation=true"}, {"max-length!=0", "long-rows!=error"}}}};
  command.run = [options](const Invocation& invocation) { run_train_dpo(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
