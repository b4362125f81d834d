#pragma once
// Reads prompts from dataset files.
//
// Files: .jsonl, .jsonl.gz, .json (an array of rows, or JSON Lines), .parquet, and folders of
// these. The prompt is taken from the first of these columns present in the row:
//   messages, conversation, conversations: [{"role", "content"}] as in OpenAI's API, LMSYS-Chat-1M
//     and WildChat, or [{"from", "value"}] as in ShareGPT
//   prompt: a string or messages (IFEval, Guru)
//   turns: a list of strings (MT-Bench, Vicuna)
//   instruction, followed by a non-empty input (Alpaca, Self-Instruct) or context (Dolly)
// system, system_prompt and history are merged into the messages (rows/messages.h); tools and
// chat_template_kwargs are passed to the template.

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
  // The row's id (id, conversation_id, key, question_id, prompt_id) if it is unique and does not
  // look like the location of a row; otherwise the row's location, "file-name:line". Ids are
  // unique. The same files give the same ids, whatever part of them is selected and however their
  // paths are spelled.
  std::string id;
  Json messages;  // [{"role", "content"}]; the last one is a user turn
  // The row's "tools" and the entries of its "chat_template_kwargs".
  Json template_variables = Json::object();
  bool redacted = false;  // the row's flag (LMSYS-Chat-1M, WildChat)
  std::string where;      // "prompts.jsonl:12", for errors; rows of .json and .parquet count from 1
};

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
  // Tokens of the rendered prompt; applied by leave_out_by_tokens() in prompt_encoder.h.
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

struct PromptSet {
  std::vector<Prompt> prompts;  // in file order
  int64_t rows = 0;             // read from the files
  std::map<SkipReason, int64_t> left_out;

  // Removes the prompts for whose index `leaves` returns true; it is called once per prompt, in
  // order.
  void leave_out(SkipReason reason, const std::function<bool(size_t index)>& leaves);

  // "5 of 8 prompts (left out: 2 language, 1 duplicate)"
  std::string describe() const;
};

// Throws UserError, with file and line, for a row that is malformed or has no prompt. Also throws
// for a file or folder that is missing, damaged, empty or of an unsupported format, and if the
// filters leave no prompt.
PromptSet read_prompts(const PromptOptions& options);

// Hash over the content of the files (folders expanded), their order and their names as used in
// ids. Throws UserError.
std::string hash_prompt_files(const PromptOptions& options);
// The hash of version 0.1, which also depends on the spelling of the paths.
std::string older_hash_of_prompt_files(const PromptOptions& options);

}  // namespace retmask::synthesize
