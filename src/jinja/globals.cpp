#include "globals.h"

#include <array>
#include <chrono>
#include <ctime>

#include "call.h"
#include "numbers.h"
#include "objects.h"
#include "operators.h"
#include "retmask/jinja/template.h"

namespace retmask::jinja {
namespace {

Value global_range(Runtime&, Call& call) {
  const Items& bounds = call.rest;
  if (bounds.empty() || bounds.size() > 3) type_error("range takes one to three arguments");
  const int64_t start = bounds.size() > 1 ? index_of(bounds[0]) : 0;
  const int64_t stop = index_of(bounds[bounds.size() > 1 ? 1 : 0]);
  const int64_t step = bounds.size() > 2 ? index_of(bounds[2]) : 1;
  return Value::object(std::make_shared<Range>(start, stop, step));
}

Value global_namespace(Runtime& runtime, Call& call) {
  Dict attributes = make_dict(runtime, {std::move(call.rest), std::move(call.named)});
  for (const auto& [name, value] : attributes.entries()) Namespace::check_name(name);
  auto object = std::make_shared<Namespace>(std::move(attributes));
  runtime.clear_later(object);
  return Value::object(std::move(object));
}

Value global_cycler(Runtime&, Call& call) {
  return Value::object(std::make_shared<Cycler>(std::move(call.rest)));
}

Value global_joiner(Runtime&, Call& call) {
  return Value::object(std::make_shared<Joiner>(call.has(0) ? call[0] : Value::text(", ")));
}

Value global_lipsum(Runtime&, Call&) {
  unsupported("lipsum() is not supported: its text is not reproducible");
}

Value global_raise_exception(Runtime& runtime, Call& call) {
  throw RaisedByTemplate("", runtime.line, str(runtime, call[0]));
}

// datetime.now().strftime(format): %f is microseconds; %z and %Z are empty.
Value global_strftime_now(Runtime& runtime, Call& call) {
  if (!call[0].is_text()) type_error("strftime_now() needs a text");
  const auto since_epoch = runtime.now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(since_epoch - seconds).count();
  const auto time = static_cast<std::time_t>(seconds.count());
  std::tm local{};
  localtime_r(&time, &local);

  const std::string& format = call[0].bytes();
  std::string out;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    if (at + 1 == format.size()) {
      out += '%';
      break;
    }
    const char letter = format[at + 1];
    if (letter == 'f') {
      const std::string digits = std::to_string(microseconds);
      out += std::string(6 - digits.size(), '0') + digits;
      ++at;
      continue;
    }
    if (letter == 'z' || letter == 'Z') {
      ++at;
      continue;
    }
    // A glibc flag or width may precede the letter.
    size_t end = at + 1;
    while (end + 1 < format.size() &&
           std::string_view("_-0^#EO123456789").find(format[end]) != std::string_view::npos) {
      ++end;
    }
    std::array<char, 512> buffer{};
    const std::string part = format.substr(at, end - at + 1);
    out.append(buffer.data(), std::strftime(buffer.data(), buffer.size(), part.c_str(), &local));
    at = end;
  }
  return Value::text(std::move(out));
}

constexpr Function kGlobals[] = {
    {"range", "/, *bounds", global_range},
    {"namespace", "/, *source, **attributes", global_namespace},
    {"cycler", "/, *items", global_cycler},
    {"joiner", "sep?", global_joiner},
    {"lipsum", "*any, **named", global_lipsum},
    {"raise_exception", "message", global_raise_exception},
    {"strftime_now", "format", global_strftime_now},
};

}  // namespace

std::vector<std::pair<std::string, Value>> globals() {
  std::vector<std::pair<std::string, Value>> all;
  for (const Function& function : kGlobals) {
    all.emplace_back(function.name, Value::object(std::make_shared<BoundFunction>(function)));
  }
  all.emplace_back("dict", Value::object(std::make_shared<DictType>()));
  return all;
}

}  // namespace retmask::jinja
