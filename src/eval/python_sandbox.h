#pragma once
// Python programs in a sandbox.

#include <memory>
#include <string>

#include "retmask/base/sandbox.h"

namespace retmask::eval {

class PythonSandbox {
 public:
  // Takes the first python3 of PATH and the usual folders that works inside the sandbox. Throws
  // UserError if there is none.
  explicit PythonSandbox(const SandboxLimits& limits);

  // "passed" if the program runs to its end; else what ended it.
  std::string run(const std::string& program) const;

  SandboxIsolation isolation() const { return sandbox_->isolation(); }
  const std::string& python() const { return python_; }

 private:
  std::string python_;
  std::unique_ptr<Sandbox> sandbox_;
};

}  // namespace retmask::eval
