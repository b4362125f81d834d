#pragma once
// Prompts of numbered documents around a question, filled to a length with passages of other
// questions.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "retmask/base/random.h"
#include "retmask/eval/passages.h"
#include "retmask/eval/prompt_encoder.h"

namespace retmask::eval {

// How documents look.
struct DocumentStyle {
  std::string document;   // template with {number}, {title} and {text}
  std::string separator;  // between documents
};

class DocumentFiller {
 public:
  // `questions` and `encoder` must outlive this object.
  DocumentFiller(const std::vector<PassageQuestion>& questions,
                 DocumentStyle style,
                 const PromptEncoder& encoder);

  struct Request {
    size_t question = 0;  // index
    int64_t limit = 0;    // most tokens of the prompt
    // Where the gold passages are among the others: 0 before all, 1 behind all. Negative: they are
    // shuffled with them.
    double depth = 0.0;
    RandomStream random = {};
    // The prompt with these documents.
    std::function<Prompt(const std::string& documents)> prompt = {};
  };
  // The longest prompt found. Other documents are drawn from the row's own passages
  // first, then from those of other rows, never one that has an answer in it; when all are used,
  // again. Throws UserError if not even the gold passages fit.
  Prompt fill(const Request& request) const;

 private:
  struct Entry {
    const Passage* passage;
    std::string lower;  // its text in lower case
    size_t row;         // index of its question
    int64_t tokens;     // about
  };

  std::vector<const Entry*> distractors(const Request& request, RandomStream& random) const;
  // Numbered from `first`.
  std::string join(const std::vector<const Passage*>& passages, size_t first = 1) const;

  const std::vector<PassageQuestion>& questions_;
  DocumentStyle style_;
  const PromptEncoder& encoder_;
  std::vector<Entry> pool_;
  int64_t smallest_ = 0;  // tokens of the shortest passage
};

}  // namespace retmask::eval
