#pragma once
// Whoever answers: a checkpoint on this machine or a server.

#include <vector>

#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

class Answerer {
 public:
  virtual ~Answerer() = default;

  // Calls `on_answer` once for each task as soon as it is answered, on the calling thread. An
  // answer does not depend on the others.
  virtual void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) = 0;
};

}  // namespace retmask::synthesize
