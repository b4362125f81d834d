// kernel_check [--list] [NAME...]: the CUDA kernels against plain loops, without libtorch, so that
// compute-sanitizer and ncu start at once. NAME is a case or the beginning of some
// ("attention/bfloat16"); none: all. Exit code 0: all passed, 1: some failed, 2: bad arguments, 77:
// no GPU.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>

#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/device_array.h"

namespace retmask::testing {
namespace {

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& cases :
       {adamw_cases(), attention_cases(), rotate_cases(), sampling_cases(), silu_cases()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

bool passes(const Case& test) {
  try {
    const double error = test.run();
    const bool is_small = error <= test.tolerance;
    std::printf("%s %s: largest error %.2g, allowed %.2g\n",
                is_small ? "ok  " : "FAIL",
                test.name.c_str(),
                error,
                test.tolerance);
    return is_small;
  } catch (const std::runtime_error& error) {
    std::printf("FAIL %s: %s\n", test.name.c_str(), error.what());
    return false;
  }
}

int run(const std::vector<std::string_view>& names) {
  const std::vector<Case> cases = all_cases();
  if (names == std::vector<std::string_view>{"--list"}) {
    for (const Case& test : cases) std::printf("%s\n", test.name.c_str());
    return 0;
  }
  const auto is_named = [](const Case& test, std::string_view name) {
    return test.name.starts_with(name);
  };
  for (const std::string_view name : names) {
    if (std::ranges::any_of(cases, [&](const Case& test) { return is_named(test, name); }))
      continue;
    std::fprintf(stderr,
                 "kernel_check: no case begins with '%.*s'; --list prints them all\n",
                 static_cast<int>(name.size()),
                 name.data());
    return 2;
  }
  if (!has_device()) {
    std::fprintf(stderr, "kernel_check: there is no GPU\n");
    return 77;
  }
  int failed = 0;
  for (const Case& test : cases) {
    if (names.empty() ||
        std::ranges::any_of(names, [&](auto name) { return is_named(test, name); }))
      failed += passes(test) ? 0 : 1;
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace retmask::testing

int main(int argc, char** argv) { return retmask::testing::run({argv + 1, argv + argc}); }
