#include "runtime.h"

#include <pthread.h>

#include "object.h"

namespace retmask::jinja {
namespace {

constexpr ptrdiff_t kMaxStackBytes = 2 << 20;
// Reserved for code that does not check the stack itself.
constexpr ptrdiff_t kSpareStackBytes = 128 << 10;

const char* stack_here() { return static_cast<const char*>(__builtin_frame_address(0)); }

// The lowest address of this thread's stack, which grows down; null if the system does not report
// it.
const char* stack_end() {
  thread_local const char* const end = [] {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
      return static_cast<const char*>(nullptr);
    void* lowest = nullptr;
    size_t size = 0;
    const bool is_known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
    pthread_attr_destroy(&attributes);
    return is_known ? static_cast<const char*>(lowest) : nullptr;
  }();
  return end;
}

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
  const char* const here = stack_here();
  const bool is_deep = stack_base_ - here > kMaxStackBytes;
  if (is_deep || (stack_end() != nullptr && here - stack_end() < kSpareStackBytes)) {
    throw PythonError(PythonError::Type::kLimit, "infinite recursion (calls nested too deep)");
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
