#pragma once
// The resource budget of a rendering, and its cleanup.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "retmask/jinja/template.h"
#include "value.h"

namespace retmask::jinja {

class Runtime {
 public:
  explicit Runtime(const Options& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Each throws PythonError (kLimit) when the budget is exhausted. Call charge() before allocating.
  void step(int64_t count = 1) {
    steps_ -= count;
    if (steps_ < 0) fail_steps();
  }
  void charge(size_t bytes) {
    bytes_ -= static_cast<int64_t>(bytes);
    if (bytes_ < 0 || static_cast<int64_t>(bytes) < 0) fail_bytes();
  }
  // Charges `count` copies of `bytes` each.
  void charge(Int count, size_t bytes);
  void check_output(size_t bytes) const;
  // Call it wherever a template can nest calls to any depth.
  void check_stack() const;

  std::chrono::system_clock::time_point now() const { return now_; }

  // `object` may come to contain itself; it is cleared when the rendering is over.
  void clear_later(std::shared_ptr<Object> object) { to_clear_.push_back(std::move(object)); }

  // The line being evaluated.
  int line = 0;

 private:
  [[noreturn]] static void fail_steps();
  [[noreturn]] static void fail_bytes();

  std::chrono::system_clock::time_point now_;
  int64_t steps_;
  int64_t bytes_;
  int64_t output_bytes_;
  const char* stack_base_;
  std::vector<std::shared_ptr<Object>> to_clear_;
};

}  // namespace retmask::jinja
