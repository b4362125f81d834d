#pragma once
// The instructions that both policies answer, out of the files that people have.
//
// Files: .jsonl, .jsonl.gz, .json (an array of rows, or JSON Lines under that name), .parquet, and
// folders of these. A row's prompt is the first of these columns that it has:
//   messages, conversation, conversations: [{"role", "content"}] as in OpenAI's API, LMSYS-Chat-1M
//     and WildChat, or [{"from", "value"}] as in ShareGPT
//   prompt: a text or messages (IFEval, Guru)
//   turns: a list of texts (MT-Bench, Vicuna)
//   instruction, followed by input where that is not empty (Alpaca, Self-Instruct)

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::synthesize {

struct Prompt {
  // The row's own id (id, conversation_id, key, question_id, prompt_id) when no other row has it,
  // else "file-name:line". The same files give the same ids, whatever part of them a run takes.
  std::string id;
  // [{"role", "content"}]: the row's system message if it has one, and its first user turn.
  Json messages;
  bool redacted = false;  // the row's own flag (LMSYS-Chat-1M, WildChat)
  std::string where;      // "prompts.jsonl:12", for errors; rows of .json and .parquet count from 1
};

struct PromptOptions {
  std::vector<std::filesystem::path>
      files;                  // files and folders; a folder stands for all in it, sorted by path
  std::string field;          // the column that holds the prompt; empty: found by name
  std::string system_prompt;  // for prompts without a system message of their own; empty: none

  // Throws UserError.
  void validate() const;
};

struct PromptSet {
  std::vector<Prompt> prompts;  // in the order of the files
  int64_t blank = 0;  // rows left out: no user turn in the conversation, or one without text
};

// Throws UserError with file and line for a row without a prompt or of the wrong shape, and for a
// file or folder that is missing, damaged, empty or of another kind.
PromptSet read_prompts(const PromptOptions& options);

// Changes with the content and the names of the files (folders expanded). Throws UserError.
std::string hash_prompt_files(const PromptOptions& options);

// The part of the prompts that a run takes: first skip and limit, then every num_shards-th.
struct Selection {
  int64_t skip = 0;
  int64_t limit = 0;  // 0: all
  int64_t shard = 0;  // zero-based
  int64_t num_shards = 1;

  // Throws UserError.
  void validate() const;
};

// Reads "0/4" (--shard) into selection. Throws UserError.
void parse_shard(const std::string& text, Selection& selection);

// Throws UserError when skip leaves nothing. A shard may be empty: more workers than prompts are no
// mistake.
std::vector<Prompt> select_prompts(std::vector<Prompt> prompts, const Selection& selection);

}  // namespace retmask::synthesize
