#include "runtime.h"

#include "object.h"

namespace retmask::jinja {
namespace {

// Threads have 8 MiB of stack, and a rendering is called deep inside of nothing.
constexpr ptrdiff_t kMaxStackBytes = 2 << 20;

const char* stack_here() { return static_cast<const char*>(__builtin_frame_address(0)); }

}  // namespace

Runtime::Runtime(const Options& options)
    : now_(options.now.value_or(std::chrono::system_clock::now())),
      steps_(options.limits.steps),
      bytes_(options.limits.value_bytes),
      output_bytes_(options.limits.output_bytes),
      stack_base_(stack_here()) {}

Runtime::~Runtime() {
  for (const auto& object : to_clear_) object->clear();
}

void Runtime::charge(Int count, size_t bytes) {
  if (count <= 0 || bytes == 0) return;
  if (count > bytes_ / static_cast<Int>(bytes)) fail_bytes();
  charge(static_cast<size_t>(count) * bytes);
}

void Runtime::check_output(size_t bytes) const {
  if (static_cast<int64_t>(bytes) > output_bytes_) {
    throw PythonError(PythonError::Type::kLimit,
                      "the rendering is longer than " + std::to_string(output_bytes_) + " bytes");
  }
}

void Runtime::check_stack() const {
  if (stack_base_ - stack_here() > kMaxStackBytes) {
    throw PythonError(PythonError::Type::kLimit, "recursion without an end (calls nest too deep)");
  }
}

void Runtime::fail_steps() {
  throw PythonError(PythonError::Type::kLimit, "more steps than any chat template needs; stopped");
}

void Runtime::fail_bytes() {
  throw PythonError(PythonError::Type::kLimit,
                    "texts and lists larger than any chat template needs; stopped");
}

}  // namespace retmask::jinja
