#pragma once
// Options of synthesize, as given and as resolved, and the reasons for which they leave out prompts
// and pairs.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/base/moment.h"
#include "retmask/endpoint/options.h"
#include "retmask/engine/sampler.h"

namespace retmask::synthesize {

// Strategies for building training data.
enum class Strategy {
  automatic,             // implied by the other options
  retrieval_masked,      // rejected: the model without its retrieval heads (RetMask)
  non_retrieval_masked,  // rejected: as many other heads masked; control for the choice of heads
  random_masked,         // rejected: as many heads masked, drawn from all; control
  rejected_model,        // rejected: another model, such as a smaller one
  win_lose,              // best against worst of several answers, graded by a judge
  sft,                   // no rejected answers: supervised fine-tuning
};
inline constexpr std::array kStrategies = {Strategy::automatic,
                                           Strategy::retrieval_masked,
                                           Strategy::non_retrieval_masked,
                                           Strategy::random_masked,
                                           Strategy::rejected_model,
                                           Strategy::win_lose,
                                           Strategy::sft};

// "retrieval-masked"; "auto" for automatic.
std::string to_string(Strategy strategy);
// Throws UserError with the known names.
Strategy parse_strategy(const std::string& name);

// The rejected answers come from the same model with masked heads.
bool is_masked(Strategy strategy);
// The rejected answers come from a second policy.
bool has_rejected_policy(Strategy strategy);

// Side of the pair an answer belongs to.
enum class Policy { chosen, rejected };
std::string to_string(Policy policy);

// Part of a conversation used as the prompt.
enum class Turns {
  first,  // the system message, if any, and the first user turn
  all,    // everything up to the last user turn, including assistant turns
};
// Throws UserError.
Turns parse_turns(const std::string& text);

// Filters on the rows. A filter on a field that no row has is a UserError.
struct PromptFilters {
  // Accepted values of "language", case-insensitive; empty: any.
  std::vector<std::string> languages = {};
  bool exclude_redacted = false;  // "redacted" (LMSYS-Chat-1M, WildChat)
  // "toxic" (WildChat), or any "flagged" in "openai_moderation" (LMSYS-Chat-1M).
  bool exclude_toxic = false;
  int64_t min_turns = 0;     // user turns in the row's whole conversation
  int64_t max_turns = 0;     // 0: any number
  bool deduplicate = false;  // keep the first of several prompts with the same messages
  // Tokens of the rendered prompt; applied by leave_out_by_tokens() in prompts.h.
  int64_t min_tokens = 0;
  int64_t max_tokens = 0;  // 0: any number

  // Throws UserError.
  void validate() const;
};

struct PromptOptions {
  // Files and folders; a folder is expanded to the files in it, sorted by path.
  std::vector<std::filesystem::path> files = {};
  std::string field = {};          // column with the prompt; empty: the first known column
  std::string system_prompt = {};  // for prompts without a system message; empty: none
  Turns turns = Turns::first;
  PromptFilters filters = {};

  // Throws UserError.
  void validate() const;
};

// Selection of the prompts to answer. Applied after the filters, in this order: random sample,
// skip, limit, then every num_shards-th prompt.
struct Selection {
  // Number of prompts drawn without replacement, kept in file order; 0: all. The draw depends only
  // on seed and ids, and a larger sample contains the smaller one, so a run can be extended.
  int64_t sample = 0;
  uint64_t seed = 0;
  int64_t skip = 0;
  int64_t limit = 0;  // 0: all
  int64_t shard = 0;  // zero-based; see workers.h
  int64_t num_shards = 1;

  // Throws UserError.
  void validate() const;
};

// Reason for skipping a row, in the order of the checks. A row with several reasons is counted
// under the first.
enum class SkipReason {
  blank,  // no user turn, or the one to be answered has no text
  language,
  redacted,
  toxic,
  turns,
  duplicate,
  tokens,
  not_sampled,  // from here on: Selection
  skipped,
  beyond_limit,
  other_shard,
};
inline constexpr std::array kSkipReasons = {SkipReason::blank,
                                            SkipReason::language,
                                            SkipReason::redacted,
                                            SkipReason::toxic,
                                            SkipReason::turns,
                                            SkipReason::duplicate,
                                            SkipReason::tokens,
                                            SkipReason::not_sampled,
                                            SkipReason::skipped,
                                            SkipReason::beyond_limit,
                                            SkipReason::other_shard};
std::string to_string(SkipReason reason);

struct DecodingOptions {
  SamplingParams sampling{.temperature = 0.6, .top_p = 1.0, .top_k = 0};
  int64_t max_new_tokens = 4096;
  // Concurrent sequences over all policies; unset: default_batch_size() of engine/memory.h.
  std::optional<int64_t> batch_size = {};
  int64_t kv_cache_mib = 0;  // size of the KV cache; 0: see GeneratorOptions
  uint64_t seed = 0;         // together with AnswerTask::name() the only source of randomness
  std::vector<std::string> stop = {};  // stop strings; not part of the answer
  bool logprobs = false;               // record Answer::token_logprobs

  // Throws UserError.
  void validate() const;
};

// Treatment of the thinking of reasoning models, see thinking.h.
enum class Thinking {
  keep,   // the answer includes the thinking
  strip,  // removed from the final files; the journal keeps it
  off,    // disabled in the chat template: enable_thinking is false
};
// Throws UserError.
Thinking parse_thinking(const std::string& text);

struct PairOptions {
  bool drop_redacted = false;
  bool drop_unfinished = false;
  bool drop_runaway = false;
  // Longer answers count as runaways even if no loop is detected: most of them repeat themselves.
  // REPETITION_THRESHOLD in the reference's synthesize_assistant_response.py; 0: no limit.
  int64_t runaway_tokens = 2000;

  // Throws UserError.
  void validate() const;
};

// Reason to drop a pair. A pair with several reasons is counted under the first.
enum class DropReason {
  prompt_too_long,  // for at least one policy
  empty_answer,     // only white space
  equal_answers,    // ignoring leading and trailing white space, which templates trim
  redacted,         // the prompt is redacted; only with drop_redacted
  unfinished,  // truncated at max_new_tokens (only with drop_unfinished), or the thinking never
               // ended
  runaway,     // Answer::runaway; only with drop_runaway
  unjudged,    // win-lose: the judge graded fewer than two answers
  tie,         // win-lose: best and worst grade are equal
};
inline constexpr std::array kDropReasons = {DropReason::prompt_too_long,
                                            DropReason::empty_answer,
                                            DropReason::equal_answers,
                                            DropReason::redacted,
                                            DropReason::unfinished,
                                            DropReason::runaway,
                                            DropReason::unjudged,
                                            DropReason::tie};
std::string to_string(DropReason reason);

struct JudgeOptions {
  endpoint::Options server;
  std::filesystem::path prompt;  // template file, see JudgePrompt; empty: the built-in template
  int64_t max_tokens = 2048;     // per reply

  // Throws UserError.
  void validate() const;
};

struct Options {
  Strategy strategy = Strategy::automatic;
  std::filesystem::path model;  // checkpoint folder: theta
  // Generates the chosen answers instead of `model`, which is then only needed for a mask.
  endpoint::Options chosen_server;
  // Source of the rejected answers: exactly one of the next three if the strategy has a rejected
  // policy. `mask` is a mask.json with the masked heads of theta'. Another checkpoint or server
  // uses its own tokenizer and template.
  std::filesystem::path mask;
  std::filesystem::path rejected_model;
  endpoint::Options rejected_server;
  std::string mask_label;  // name of the mask in the rows; empty: its path
  JudgeOptions judge;      // win-lose only
  PromptOptions prompts;
  Selection selection;
  int64_t samples = 1;  // answers per prompt and policy
  DecodingOptions decoding;
  PairOptions pairs;
  Thinking thinking = Thinking::keep;
  Json template_variables = Json::object();  // as in RenderOptions, except those set by `thinking`
  int64_t max_position = 0;                  // see limit_positions()
  std::optional<Moment> moment;              // as in RenderOptions
  std::string device = "auto";               // as in parse_device
  std::string dtype = "auto";                // as in parse_dtype

  // Throws UserError.
  void validate() const;
};

// A checkpoint or a server, and the policies it answers for.
struct Source {
  std::filesystem::path model = {};  // checkpoint folder; empty: `server`
  endpoint::Options server = {};
  std::map<Policy, std::filesystem::path> masks = {};  // of each policy; empty: no masked heads

  bool is_remote() const { return model.empty(); }
};

// Valid options in which everything that depends on other options is settled: the strategy is not
// automatic, mask_label is set, template_variables include those set by `thinking`.
struct ResolvedOptions : Options {
  std::vector<Source> sources = {};  // in the order in which they answer; one for each policy

  std::vector<Policy> policies() const;
  const Source& source_of(Policy policy) const;
  // Name of a policy's source in the rows: the reference's "synthesis_model".
  std::string source_name(Policy policy) const;
};

// Validates the options. Throws UserError.
ResolvedOptions resolve(const Options& options);

}  // namespace retmask::synthesize
