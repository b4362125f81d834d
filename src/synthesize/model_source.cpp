#include "model_source.h"

#include <algorithm>
#include <utility>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/engine/memory.h"
#include "retmask/model/compute_path.h"
#include "retmask/model/device.h"
#include "thinking.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

ModelConfig read_config(const Checkpoint& checkpoint, const Options& options) {
  ModelConfig config = read_model_config(checkpoint);
  limit_positions(config, options.max_position);
  return config;
}

// No heads if there is no mask.
HeadMask read_masked_heads(const fs::path& mask, const ModelConfig& config) {
  if (mask.empty()) return {};
  HeadMask heads = read_mask_file(mask, config);
  if (heads.empty()) user_error("mask ", mask, " lists no heads: both policies would be the same");
  return heads;
}

}  // namespace

ModelSource::ModelSource(const Source& source, const ResolvedOptions& options)
    : options_(options),
      checkpoint_(source.model),
      config_(read_config(checkpoint_, options)),
      encoder_(source.model, options.template_variables, options.moment, config_.vocab_size),
      stop_strings_(encoder_.tokenizer(), options.decoding.stop) {
  const fs::path& dir = source.model;
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
  for (const auto& [policy, mask] : source.masks) {
    masked_heads_[policy] = read_masked_heads(mask, config_);
  }
}

void ModelSource::load(const std::vector<AnswerTask>& tasks) {
  const torch::Device device = parse_device(options_.device);
  const torch::ScalarType dtype = parse_dtype(options_.dtype, config_.dtype);
  GeneratorOptions generation = generator_options(tasks);
  const std::optional<int64_t>& given = options_.decoding.batch_size;
  const int64_t batch_size =
      given ? *given : default_batch_size(config_, device, dtype, generation);
  generation.max_batch_size = std::min(batch_size, static_cast<int64_t>(tasks.size()));
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
  loaded_.emplace(Loaded{std::move(model), generation, budget});
}

std::optional<MemoryUse> ModelSource::memory_use() const {
  if (!loaded_) return std::nullopt;
  return MemoryUse{.budget = loaded_->budget,
                   .peak = peak_memory(loaded_->model.device()),
                   .compute = compute_path(loaded_->model)};
}

bool ModelSource::fits(const std::vector<int64_t>& prompt) const {
  return static_cast<int64_t>(prompt.size()) + options_.decoding.max_new_tokens <=
         config_.max_positions;
}

// All but the batch size. Limits the cache to what these tasks can need, so that it can be reserved
// up front.
GeneratorOptions ModelSource::generator_options(const std::vector<AnswerTask>& tasks) const {
  constexpr int64_t kMebibyte = int64_t{1} << 20;
  const DecodingOptions& decoding = options_.decoding;
  int64_t longest = 0;
  const Prompt* last = nullptr;
  for (const AnswerTask& task : tasks) {
    if (std::exchange(last, task.prompt) == task.prompt) continue;
    const std::vector<int64_t> prompt = encoder_.encode(*task.prompt);
    if (fits(prompt)) longest = std::max(longest, static_cast<int64_t>(prompt.size()));
  }
  return {.kv_cache_bytes = decoding.kv_cache_mib * kMebibyte,
          .max_sequence_tokens = longest + decoding.max_new_tokens,
          .reserve_cache = true};
}

void ModelSource::answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) {
  RETMASK_CHECK(loaded_.has_value(), "not loaded");
  std::vector<size_t> first_task;  // by request
  size_t next = 0;
  const auto next_request = [&]() -> std::optional<GenerationRequest> {
    while (next < tasks.size()) {
      const size_t begin = next;
      const Prompt& prompt = *tasks[begin].prompt;
      while (next < tasks.size() && tasks[next].prompt == &prompt) ++next;
      std::vector<int64_t> tokens = encoder_.encode(prompt);
      if (fits(tokens)) {
        first_task.push_back(begin);
        return request(tasks, begin, next, std::move(tokens));
      }
      const Answer unanswerable{.text = "", .tokens = 0, .ending = Ending::prompt_too_long};
      for (size_t i = begin; i < next; ++i) on_answer(tasks[i], unanswerable);
    }
    return std::nullopt;
  };
  Generator(loaded_->model, loaded_->generation)
      .run(next_request, [&](size_t index, size_t continuation, const GenerationResult& result) {
        on_answer(tasks[first_task[index] + continuation], to_answer(result));
      });
}

GenerationRequest ModelSource::request(const std::vector<AnswerTask>& tasks,
                                       size_t begin,
                                       size_t end,
                                       std::vector<int64_t> prompt) const {
  GenerationRequest request{.prompt = std::move(prompt),
                            .continuations = {},
                            .sampling = options_.decoding.sampling,
                            .max_new_tokens = options_.decoding.max_new_tokens,
                            .stop_ids = stop_ids_};
  if (!options_.decoding.stop.empty()) {
    request.stop_rule = [this](std::span<const int64_t> tokens) {
      return stop_strings_.end_with(tokens);
    };
  }
  for (size_t i = begin; i < end; ++i) {
    request.continuations.push_back(
        {.masked_heads = masked_heads_.at(tasks[i].policy),
         .random = RandomStream(options_.decoding.seed, tasks[i].name())});
  }
  return request;
}

Answer ModelSource::to_answer(const GenerationResult& result) const {
  std::vector<int64_t> tokens = result.tokens;
  // The stop token is not part of the text.
  if (result.reason == FinishReason::stop_id) tokens.pop_back();
  Answer answer{.text = stop_strings_.text_before(tokens),
                .tokens = static_cast<int64_t>(result.tokens.size()),
                .ending = result.reason == FinishReason::length ? Ending::length : Ending::stop,
                .mean_logprob = result.sum_logprob() / static_cast<double>(result.tokens.size())};
  if (options_.decoding.logprobs) {
    answer.token_ids = result.tokens;
    answer.token_logprobs = result.logprobs;
  }
  return answer;
}

}  // namespace retmask::synthesize
