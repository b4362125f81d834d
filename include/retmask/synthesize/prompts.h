#pragma once
// Prompts: read from dataset files, selected and encoded.
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

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/options.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/tokenizer.h"

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

// Throws UserError if skip leaves no prompt. A shard may be empty: there may be more workers than
// prompts.
void select_prompts(const Selection& selection, PromptSet& set);

// Hash over the content of the files (folders expanded), their order and their names as used in
// ids. Throws UserError.
std::string hash_prompt_files(const PromptOptions& options);
// The hash of version 0.1, which also depends on the spelling of the paths.
std::string older_hash_of_prompt_files(const PromptOptions& options);

// Encodes prompts into a checkpoint's tokens.
class PromptEncoder {
 public:
  // Tokenizer and template of a checkpoint folder; `template_variables` and `moment` as in
  // RenderOptions. `model_vocab_size` is the number of embedding rows; a tokenizer with added
  // tokens can exceed it. Throws UserError.
  PromptEncoder(const std::filesystem::path& dir,
                Json template_variables,
                std::optional<Moment> moment = std::nullopt,
                int64_t model_vocab_size = std::numeric_limits<int64_t>::max());

  // Encodes the rendered conversation with the generation prompt. Throws UserError naming the
  // prompt's file and row if the template rejects it or a token is outside the model's vocabulary.
  std::vector<int64_t> encode(const Prompt& prompt) const;

  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<const ChatTemplate> template_;
  RenderOptions render_;
  int64_t model_vocab_size_;
};

// Applies PromptFilters' limits on the number of tokens of the rendered prompt. Throws UserError as
// encode() does.
void leave_out_by_tokens(const PromptFilters& filters,
                         const PromptEncoder& encoder,
                         PromptSet& set);

}  // namespace retmask::synthesize
