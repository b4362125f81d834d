#include "rounds.h"

#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

Round open_round(const fs::path& dir, const Options& options) {
  Checkpoint checkpoint(dir);
  ModelConfig config = parse_model_config(checkpoint.config(), (dir / "config.json").string());
  const int64_t positions = config.max_position_embeddings;
  const int64_t max_new_tokens = options.decoding.max_new_tokens;
  if (max_new_tokens >= positions) {
    user_error("--max-new-tokens ",
               max_new_tokens,
               " leaves no room for a prompt: ",
               dir,
               " has ",
               positions,
               " positions (max_position_embeddings)");
  }
  if (checkpoint.eos_token_ids().empty()) {
    log::warn(dir.string() + " names no eos_token_id: every answer will be " +
              std::to_string(max_new_tokens) + " tokens long");
  }
  if (options.thinking == Thinking::off) check_thinking_can_be_off(dir);
  return {
      std::move(checkpoint), std::move(config), PromptEncoder(dir, options.render_variables()), {}};
}

std::vector<Head> read_mask(const fs::path& path, const ModelConfig& config) {
  std::vector<Head> heads = read_mask_file(path, config);
  if (heads.empty()) user_error("mask ", path, " lists no heads: both policies would be the same");
  return heads;
}

}  // namespace

std::vector<Round> open_rounds(const Options& options) {
  std::vector<Round> rounds;
  rounds.push_back(open_round(options.model, options));
  rounds.front().masked_heads[Policy::chosen] = {};
  if (options.rejected_model.empty()) {
    rounds.front().masked_heads[Policy::rejected] = read_mask(options.mask, rounds.front().config);
  } else {
    rounds.push_back(open_round(options.rejected_model, options));
    rounds.back().masked_heads[Policy::rejected] = {};
  }
  return rounds;
}

std::vector<AnswerTask> unfinished_tasks(const Round& round,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal) {
  std::vector<AnswerTask> tasks;
  for (const Prompt& prompt : prompts) {
    for (int64_t sample = 0; sample < samples; ++sample) {
      for (const auto& [policy, heads] : round.masked_heads) {
        const AnswerTask task{.prompt = &prompt, .policy = policy, .sample = sample};
        if (!journal.contains(task)) tasks.push_back(task);
      }
    }
  }
  return tasks;
}

}  // namespace retmask::synthesize
