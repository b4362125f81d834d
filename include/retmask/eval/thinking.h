#pragma once
// Thinking of reasoning models, <think>...</think> before the answer: whether a model is told to
// think, how long it may, and what answers without an end of it count.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/tokenizer/chat_encoder.h"

namespace retmask::eval {

enum class Thinking {
  automatic,  // off where the template can be told so; otherwise answers are scored as written
              // (in helmet the template is told nothing, as by HELMET)
  off,  // the template is told not to think; a thinking in the answer is split off all the same
  on,   // the template is told to think; the answer is what follows </think>
};
std::string to_string(Thinking thinking);
// Throws UserError that lists the known names.
Thinking parse_thinking(const std::string& name);

struct ThinkingOptions {
  Thinking use = Thinking::automatic;
  // Most tokens of thinking. Then a text that ends it is forced ("budget_is_used_up" of
  // configs/eval/thinking.json, by the authors of Qwen3), and the answer has the suite's limit of
  // new tokens for itself. 0: no budget, thinking and answer share that limit.
  int64_t budget = 0;

  // Whether automatic tells the template nothing.
  bool automatic_is_silent = false;

  bool is_on() const { return use == Thinking::on; }
  // For ChatEncoder.
  std::optional<bool> enable_thinking() const;
  // Throws UserError.
  void validate() const;
  // Throws UserError if the template cannot do what `use` says: it always opens the thinking, or
  // never does. Warns if automatic leaves the thinking on. `model`: its folder, for the message.
  void check_template(const ChatEncoder& encoder, const std::string& model) const;
  // New tokens besides the suite's limit: the budget and the text that ends the thinking.
  int64_t extra_tokens(const Tokenizer& tokenizer) const;
};

// That text as tokens.
std::vector<int64_t> end_of_thinking(const Tokenizer& tokenizer);

// Adds to results.json "unended_thinking": how many answers are empty because their thinking did
// not end. Adds nothing if no row was answered with Thinking::on.
void count_unended_thinking(const std::vector<Json>& rows, Json& results);

}  // namespace retmask::eval
