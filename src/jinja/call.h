#pragma once
// Calls of functions, filters, tests and methods: binds arguments to named parameters as Python
// does.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "object.h"
#include "runtime.h"
#include "value.h"

namespace retmask::jinja {

struct Arguments {
  Items positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* find(std::string_view name) const;
};

// The arguments of one call, in the order of the parameters.
class Call {
 public:
  const Value& operator[](size_t parameter) const { return values_[parameter]; }
  bool has(size_t parameter) const { return !values_[parameter].is_missing(); }
  // Given and not None.
  bool is_set(size_t parameter) const { return has(parameter) && !values_[parameter].is_none(); }
  bool flag(Runtime& runtime, size_t parameter, bool otherwise = false) const;

  // Arguments captured by the parameters *rest and **named.
  Items rest;
  std::vector<std::pair<std::string, Value>> named;

 private:
  friend Call bind(std::string_view function, std::string_view parameters, Arguments arguments);
  Items values_;
};

// A row in a table of filters, tests, methods or globals. `parameters` are separated by ", ":
//   name    required           name?    optional
//   /       the parameters before it are positional-only
//   *rest   further positional arguments       **named  further keyword arguments
// A filter's, test's or method's first parameter is the value that it is applied to.
struct Function {
  std::string_view name;
  std::string_view parameters;
  Value (*run)(Runtime& runtime, Call& call);
};

// Throws a TypeError when the arguments do not fit.
Call bind(std::string_view function, std::string_view parameters, Arguments arguments);

Value call_function(Runtime& runtime, const Function& function, Arguments arguments);
Value call_value(Runtime& runtime, const Value& callee, Arguments arguments);

template <typename Table>
const Function* find_in_table(const Table& table, std::string_view name) {
  for (const Function& function : table) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

}  // namespace retmask::jinja
