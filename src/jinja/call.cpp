#include "call.h"

#include "operators.h"

namespace retmask::jinja {
namespace {

std::string_view take_parameter(std::string_view& list) {
  const size_t comma = list.find(", ");
  const std::string_view parameter = list.substr(0, comma);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 2);
  return parameter;
}

}  // namespace

const Value* Arguments::find(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool Call::flag(Runtime& runtime, size_t parameter, bool otherwise) const {
  return has(parameter) ? truthy(runtime, values_[parameter]) : otherwise;
}

Call bind(std::string_view function, std::string_view parameters, Arguments arguments) {
  const std::string name = std::string(function) + "()";
  Call call;
  // Which parameters are positional-only is known once "/" is reached.
  const bool has_positional_only = parameters.find('/') != std::string_view::npos;
  bool positional_only = has_positional_only;
  bool takes_rest = false;
  bool takes_named = false;
  size_t next = 0;
  while (!parameters.empty()) {
    std::string_view parameter = take_parameter(parameters);
    if (parameter == "/") {
      positional_only = false;
      continue;
    }
    if (parameter.starts_with("**")) {
      takes_named = true;
      continue;
    }
    if (parameter.starts_with("*")) {
      takes_rest = true;
      continue;
    }
    const bool optional = parameter.ends_with('?');
    if (optional) parameter.remove_suffix(1);
    Value value;
    if (next < arguments.positional.size()) value = std::move(arguments.positional[next++]);
    if (!positional_only) {
      for (size_t i = 0; i < arguments.named.size(); ++i) {
        if (arguments.named[i].first != parameter) continue;
        if (!value.is_missing()) {
          type_error(name + " got multiple values for argument '" + std::string(parameter) + "'");
        }
        value = std::move(arguments.named[i].second);
        arguments.named.erase(arguments.named.begin() + static_cast<ptrdiff_t>(i));
        break;
      }
    }
    if (value.is_missing() && !optional) {
      type_error(name + " is missing the argument '" + std::string(parameter) + "'");
    }
    call.values_.push_back(std::move(value));
  }
  if (next < arguments.positional.size()) {
    if (!takes_rest) {
      type_error(name + " takes " + std::to_string(call.values_.size()) + " arguments but " +
                 std::to_string(arguments.positional.size()) + " were given");
    }
    for (; next < arguments.positional.size(); ++next) {
      call.rest.push_back(std::move(arguments.positional[next]));
    }
  }
  if (!arguments.named.empty() && !takes_named) {
    type_error(name + " got an unexpected keyword argument '" + arguments.named.front().first +
               "'");
  }
  call.named = std::move(arguments.named);
  return call;
}

Value call_function(Runtime& runtime, const Function& function, Arguments arguments) {
  // A call costs more than a step, and processing its strings costs in proportion to their size.
  constexpr size_t kBytesOfOneStep = 16;
  int64_t steps = 4;
  for (const Value& value : arguments.positional) {
    if (value.is_text()) steps += static_cast<int64_t>(value.bytes().size() / kBytesOfOneStep);
  }
  runtime.step(steps);
  Call call = bind(function.name, function.parameters, std::move(arguments));
  return function.run(runtime, call);
}

Value call_value(Runtime& runtime, const Value& callee, Arguments arguments) {
  if (callee.is_undefined()) {
    throw PythonError(PythonError::Type::kUndefined, callee.undefined_message());
  }
  if (!callee.is(Value::Kind::kObject)) {
    type_error("'" + callee.type_name() + "' object is not callable");
  }
  return callee.object()->call(runtime, std::move(arguments));
}

}  // namespace retmask::jinja
