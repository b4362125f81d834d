#pragma once
// The instructions that both policies answer, out of the files that people have.
//
// Files: .jsonl, .jsonl.gz, .json (an array of rows, or JSON Lines under that name), .parquet, and
// folders of these. A row's prompt is the first of these columns that it has:
//   messages, conversation, conversations: [{"role", "content"}] as in OpenAI's API, LMSYS-Chat-1M
//     and WildChat, or [{"from", "value"}] as in ShareGPT
//   prompt: a text or messages (IFEval, Guru)
//   turns: a list of texts (MT-Bench, Vicuna)
//   instruction, followed by input (Alpaca, Self-Instruct) or context (Dolly) where that is not
//     empty
// system, system_prompt and history belong to it (rows/messages.h), tools and chat_template_kwargs
// go to the template.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::synthesize {

struct Prompt {
  // The row's own id (id, conversation_id, key, question_id, prompt_id) when no other row has it
  // and it is no row's place, else its place, "file-name:line". No two rows share one. The same
  // files give the same ids, whatever part of them a run takes and however their paths are spelled.
  std::string id;
  Json messages;  // [{"role", "content"}]; the last one is a user turn
  // The row's "tools" and the entries of its "chat_template_kwargs", for the template.
  Json template_variables = Json::object();
  bool redacted = false;  // the row's own flag (LMSYS-Chat-1M, WildChat)
  std::string where;      // "prompts.jsonl:12", for errors; rows of .json and .parquet count from 1
};

// How much of a conversation is the prompt.
enum class Turns {
  first,  // the system message, if any, and the first user turn
  all,    // all up to the last user turn, the assistant's turns between them included
};
// Throws UserError.
Turns parse_turns(const std::string& text);

// Prompts that a run shall not answer. Asking for a field that no row has is a UserError.
struct PromptFilters {
  // The row's "language" must be one of these, whatever the case; empty: any.
  std::vector<std::string> languages = {};
  bool exclude_redacted = false;  // "redacted" (LMSYS-Chat-1M, WildChat)
  // "toxic" (WildChat), else any "flagged" of "openai_moderation" (LMSYS-Chat-1M).
  bool exclude_toxic = false;
  int64_t min_turns = 0;     // user turns in the row's whole conversation
  int64_t max_turns = 0;     // 0: any number
  bool deduplicate = false;  // of prompts with the same messages the first one stays
  // Tokens of the rendered prompt: leave_out_by_tokens in prompt_encoder.h.
  int64_t min_tokens = 0;
  int64_t max_tokens = 0;  // 0: any number

  // Throws UserError.
  void validate() const;
};

struct PromptOptions {
  // Files and folders; a folder stands for all in it, sorted by path.
  std::vector<std::filesystem::path> files = {};
  std::string field = {};          // the column that holds the prompt; empty: found by name
  std::string system_prompt = {};  // for prompts without a system message of their own; empty: none
  Turns turns = Turns::first;
  PromptFilters filters = {};

  // Throws UserError.
  void validate() const;
};

// Why a row of the files is not answered, in the order in which it is looked at: a row with several
// reasons counts under the first of them.
enum class SkipReason {
  blank,  // no user turn in the conversation, or the one to be answered has no text
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

struct PromptSet {
  std::vector<Prompt> prompts;  // in the order of the files
  int64_t rows = 0;             // that the files hold
  std::map<SkipReason, int64_t> left_out;

  // Takes out the prompts whose index `leaves`, called for each in order, says so.
  void leave_out(SkipReason reason, const std::function<bool(size_t index)>& leaves);

  // "5 of 8 prompts (left out: 2 language, 1 duplicate)"
  std::string describe() const;
};

// Throws UserError with file and line for a row without a prompt or of the wrong shape, and for a
// file or folder that is missing, damaged, empty or of another kind; also when the filters leave
// nothing.
PromptSet read_prompts(const PromptOptions& options);

// Changes with the content of the files (folders expanded), their order and their names in ids.
// Throws UserError.
std::string hash_prompt_files(const PromptOptions& options);
// What version 0.1 made of them: it changes with the spelling of the paths, too.
std::string older_hash_of_prompt_files(const PromptOptions& options);

}  // namespace retmask::synthesize
