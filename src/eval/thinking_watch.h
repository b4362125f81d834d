#pragma once
// Follows an answer token by token: where its thinking ends, and when it must.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "retmask/tokenizer/stop_strings.h"

namespace retmask::eval {

class ThinkingWatch {
 public:
  struct Options {
    bool is_open = false;                  // the prompt opens the thinking
    int64_t budget = 0;                    // tokens of thinking; 0: no limit
    std::vector<int64_t> end_tokens = {};  // that end it then; they hold </think>
  };
  // The tokenizer must outlive this object.
  ThinkingWatch(const Tokenizer& tokenizer, Options options);

  // Each call takes the answer's tokens so far: those of the call before and further ones, or, for
  // an answer that is started again, fewer.

  // The token that must follow, if the budget is used up.
  std::optional<int64_t> forced(std::span<const int64_t> tokens);
  // Where the answer behind the thinking begins: its first token, and the first that is not white
  // space, where stop texts begin to count. Nullopt: the thinking has not ended, or it is too early
  // to tell whether there is one. 0: there is none.
  struct Begin {
    size_t first = 0;
    size_t text = 0;
  };
  std::optional<Begin> answer(std::span<const int64_t> tokens);
  bool is_thinking(std::span<const int64_t> tokens);

 private:
  enum class State { unknown, thinking, ended, none };

  void read(std::span<const int64_t> tokens);
  void read_newest(std::span<const int64_t> tokens);
  State state_at_start(std::span<const int64_t> tokens) const;

  const Tokenizer& tokenizer_;
  const Options options_;
  const StopStrings close_;
  size_t num_read_ = 0;
  State state_;
  std::optional<size_t> forced_from_;
  size_t end_ = 0;
  std::optional<size_t> text_begin_;
};

}  // namespace retmask::eval
