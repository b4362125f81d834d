#pragma once
// Whoever answers: a checkpoint on this machine or a server.

#include <optional>
#include <string>
#include <vector>

#include "retmask/engine/memory.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

// What was to be taken on this machine, and the most that was so far; bytes.
struct MemoryUse {
  MemoryBudget budget;
  int64_t peak = 0;
  std::string compute = {};  // compute_path()
};

class Answerer {
 public:
  virtual ~Answerer() = default;

  // Calls `on_answer` once for each task as soon as it is answered, on the calling thread. An
  // answer does not depend on the others.
  virtual void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) = 0;

  // Nothing where the answers are written elsewhere.
  virtual std::optional<MemoryUse> memory_use() const { return std::nullopt; }
};

}  // namespace retmask::synthesize
