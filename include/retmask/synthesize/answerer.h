#pragma once
// Interface of an answer backend: a local checkpoint or a server.

#include <optional>
#include <string>
#include <vector>

#include "retmask/engine/memory.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

// Planned memory on this machine and the peak so far, in bytes.
struct MemoryUse {
  MemoryBudget budget;
  int64_t peak = 0;
  std::string compute = {};  // compute_path()
};

class Answerer {
 public:
  virtual ~Answerer() = default;

  // Calls `on_answer` once per task, on the calling thread, as soon as the answer is complete.
  // Answers are independent of each other.
  virtual void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) = 0;

  // Empty if the answers are generated on a server.
  virtual std::optional<MemoryUse> memory_use() const { return std::nullopt; }
};

}  // namespace retmask::synthesize
