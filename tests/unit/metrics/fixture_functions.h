#pragma once
// Our functions under the names of the reference implementations' in fixtures.jsonl.

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::testing {

// The original raises an exception.
struct Raises : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// What a fixture needs is not on this machine.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using FixtureFunction = std::function<Json(const Json& args)>;
using FixtureFunctions = std::map<std::string, FixtureFunction>;

void add_answer_functions(FixtureFunctions& functions);
void add_alce_functions(FixtureFunctions& functions);
void add_judge_functions(FixtureFunctions& functions);
void add_draw_functions(FixtureFunctions& functions);
void add_benchmark_functions(FixtureFunctions& functions);

inline std::string text_at(const Json& args, size_t i) { return args.at(i).get<std::string>(); }

inline Json letter_json(const std::optional<char>& letter) {
  return letter ? Json(std::string(1, *letter)) : Json();
}

// The value, or an exception where the original raises one.
template <typename T>
Json value_or_raise(const std::optional<T>& value) {
  if (!value) throw Raises("no value");
  return Json(*value);
}
template <typename T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

}  // namespace retmask::testing
