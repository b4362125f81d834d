#include "model_source.h"

#include <algorithm>
#include <utility>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/model/compute_path.h"
#include "retmask/model/device.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// A loaded model with its answerer.
class LoadedModel : public Answerer {
 public:
  LoadedModel(InferenceLm model,
              const PromptEncoder& encoder,
              const PolicyHeads& masked_heads,
              std::vector<int64_t> stop_ids,
              const DecodingOptions& decoding,
              const GeneratorOptions& generation,
              const MemoryBudget& budget)
      : model_(std::move(model)),
        answerer_(model_, encoder, masked_heads, std::move(stop_ids), decoding, generation),
        budget_(budget) {}

  void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) override {
    answerer_.answer(tasks, on_answer);
  }

  std::optional<MemoryUse> memory_use() const override {
    return MemoryUse{
        .budget = budget_, .peak = peak_memory(model_.device()), .compute = compute_path(model_)};
  }

 private:
  InferenceLm model_;
  ModelAnswerer answerer_;
  MemoryBudget budget_;
};

ModelConfig read_config(const Checkpoint& checkpoint, const Options& options) {
  ModelConfig config = read_model_config(checkpoint);
  limit_positions(config, options.max_position);
  return config;
}

}  // namespace

ModelSource::ModelSource(const fs::path& dir, const Options& options)
    : options_(options),
      checkpoint_(dir),
      config_(read_config(checkpoint_, options)),
      encoder_(dir, options.render_variables(), options.moment, config_.vocab_size) {
  const int64_t positions = config_.max_positions;
  const int64_t max_new_tokens = options.decoding.max_new_tokens;
  if (max_new_tokens >= positions) {
    user_error("--max-new-tokens ",
               max_new_tokens,
               " leaves no room for a prompt: ",
               dir,
               " has ",
               positions,
               " positions; lower it or, if the model can, give --max-position");
  }
  stop_ids_ = with_eos_token(checkpoint_.eos_token_ids(), encoder_.tokenizer(), dir);
  if (stop_ids_.empty()) {
    log::warn(dir.string() + " has no eos_token_id and no eos_token: every answer will be " +
              std::to_string(max_new_tokens) + " tokens long");
  }
  if (options.thinking == Thinking::off) check_thinking_can_be_off(dir);
}

void ModelSource::add_masked_policy(Policy policy, const fs::path& mask) {
  std::vector<Head> heads = read_mask_file(mask, config_);
  if (heads.empty()) user_error("mask ", mask, " lists no heads: both policies would be the same");
  masked_heads_[policy] = std::move(heads);
}

std::vector<Policy> ModelSource::policies() const {
  std::vector<Policy> policies;
  for (const auto& [policy, heads] : masked_heads_) policies.push_back(policy);
  return policies;
}

// Limits the cache to what these tasks can need, so that it can be reserved up front.
GeneratorOptions ModelSource::generator_options(const std::vector<AnswerTask>& tasks) const {
  GeneratorOptions generation = options_.decoding.generator_options();
  generation.max_batch_size =
      std::min(generation.max_batch_size, static_cast<int64_t>(tasks.size()));
  const int64_t new_tokens = options_.decoding.max_new_tokens;
  generation.max_sequence_tokens = new_tokens;
  const Prompt* last = nullptr;
  for (const AnswerTask& task : tasks) {
    if (std::exchange(last, task.prompt) == task.prompt) continue;
    const int64_t tokens = static_cast<int64_t>(encoder_.encode(*task.prompt).size()) + new_tokens;
    if (tokens > config_.max_positions) continue;  // it gets no answer
    generation.max_sequence_tokens = std::max(generation.max_sequence_tokens, tokens);
  }
  generation.reserve_cache = true;
  return generation;
}

std::unique_ptr<Answerer> ModelSource::open(const std::vector<AnswerTask>& tasks) const {
  const torch::Device device = parse_device(options_.device);
  const torch::ScalarType dtype = parse_dtype(options_.dtype, config_.dtype);
  GeneratorOptions generation = generator_options(tasks);
  const MemoryBudget budget = memory_budget(config_, device, dtype, generation);
  generation.kv_cache_bytes = budget.kv_cache;
  log::info("memory: " + budget.text());

  InferenceLm model(CausalLm::load(checkpoint_, config_, device, dtype));
  log::info("computes on " + compute_path(model));
  if (model.device().is_cuda() && options_.decoding.sampling.repetition_penalty != 1) {
    log::info(
        detail::concat("--repetition-penalty: tokens are sampled on the host; each step copies ",
                       config_.vocab_size,
                       " logits per answer from the GPU"));
  }
  return std::make_unique<LoadedModel>(
      std::move(model), encoder_, masked_heads_, stop_ids_, options_.decoding, generation, budget);
}

}  // namespace retmask::synthesize
