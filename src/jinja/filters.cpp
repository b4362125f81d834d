#include "filters.h"

#include <algorithm>

namespace retmask::jinja {

const Function* find_filter(std::string_view name) {
  for (const auto find :
       {find_text_filter, find_number_filter, find_items_filter, find_html_filter}) {
    if (const Function* filter = find(name)) return filter;
  }
  return nullptr;
}

bool filter_needs_context(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "map", "random", "reject", "rejectattr", "select", "selectattr"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Value apply_filter(Runtime& runtime, std::string_view name, Value operand, Arguments arguments) {
  const Function* filter = find_filter(name);
  if (filter == nullptr) {
    throw PythonError(PythonError::Type::kTemplate, "no filter named '" + std::string(name) + "'");
  }
  arguments.positional.insert(arguments.positional.begin(), std::move(operand));
  return call_function(runtime, *filter, std::move(arguments));
}

}  // namespace retmask::jinja
