#pragma once
// What the judge is asked: one answer, graded by itself.

#include <filesystem>
#include <string>

#include "retmask/base/json.h"

namespace retmask::synthesize {

// Text with the places {question} and {answer}, each of which must be there.
class JudgePrompt {
 public:
  // The built-in one when `path` is empty. Throws UserError.
  static JudgePrompt load(const std::filesystem::path& path);

  // `messages` as in Prompt: a single user turn is the question as it is, of a longer conversation
  // each turn is headed by its role. What stands in braces inside them stays as it is.
  std::string fill(const Json& messages, const std::string& answer) const;

 private:
  explicit JudgePrompt(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Asks again after a reply without a grade.
extern const char* const kGradeReminder;

}  // namespace retmask::synthesize
