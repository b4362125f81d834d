#pragma once
// The judge's prompt: single-answer grading.

#include <filesystem>
#include <string>

#include "retmask/base/json.h"

namespace retmask::synthesize {

// Template with the placeholders {question} and {answer}; both are required.
class JudgePrompt {
 public:
  // Loads the built-in template if `path` is empty. Throws UserError.
  static JudgePrompt load(const std::filesystem::path& path);

  // `messages` as in Prompt. A single user turn is inserted verbatim; in a longer conversation each
  // turn is preceded by its role. Braces inside the messages are not expanded.
  std::string fill(const Json& messages, const std::string& answer) const;

 private:
  explicit JudgePrompt(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// User message sent after a reply without a grade.
extern const char* const kGradeReminder;

}  // namespace retmask::synthesize
