#pragma once
// What the families of RULER's tasks have in common. A family is a file ruler_<family>.cpp and a
// row of the table in ruler_suite.cpp.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "essay.h"
#include "retmask/base/random.h"
#include "retmask/eval/prompt_encoder.h"

namespace retmask::eval {

// A sample before it is tokens. Draws are made once; `prompt` may be called with any amount of
// filler text and always has the same keys, values and references.
struct RulerDraft {
  std::vector<std::string> references = {};
  int64_t smallest = 1;  // units of filler text
  int64_t largest = INT64_MAX / 4;
  std::function<Prompt(int64_t size)> prompt = {};
};

struct RulerRequest {
  const Json& task;    // its settings in configs/eval/ruler.json
  const Json& family;  // templates
  int64_t length = 0;  // requested tokens of the prompt
  int64_t limit = 0;   // most tokens of it: prompt_limit(length)
  std::string stream;  // name of its random streams
  uint64_t seed = 0;
  const Essay& essay;
  const PromptEncoder& encoder;

  // A stream of its own for each purpose, so that draws do not depend on the amount of filler text.
  RandomStream random(const std::string& purpose) const { return {seed, stream + "/" + purpose}; }
  std::string text(const char* key) const { return family.at(key).get<std::string>(); }
  int64_t number(const char* key) const { return task.at(key).get<int64_t>(); }
};

RulerDraft draft_niah(const RulerRequest& request);
RulerDraft draft_vt(const RulerRequest& request);
RulerDraft draft_cwe(const RulerRequest& request);
RulerDraft draft_fwe(const RulerRequest& request);

}  // namespace retmask::eval
