#include "jinja_builtins.h"

#include <array>
#include <ctime>
#include <functional>
#include <string_view>

#include "unicode.h"
#include "utf8.h"

namespace retmask::text {
namespace {

using minja::Value;

// What Python's str.strip() drops beyond Unicode's White_Space.
bool is_python_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

std::string trim(const std::string& text) {
  size_t begin = 0;
  size_t end = text.size();
  for (size_t at = begin; begin < end && is_python_space(next_code_point(text, at));) begin = at;
  for (size_t at = end; begin < end && is_python_space(previous_code_point(text, at));) end = at;
  return text.substr(begin, end - begin);
}

std::string format_time(const std::string& format, const Moment& moment) {
  const std::time_t now = std::chrono::system_clock::to_time_t(moment.time_point());
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 512> buffer{};
  const size_t size = std::strftime(buffer.data(), buffer.size(), format.c_str(), &local);
  return {buffer.data(), size};
}

Value function(const char* name,
               const char* parameter,
               const std::function<Value(const Value&)>& body) {
  return minja::simple_function(
      name,
      {parameter},
      [body, parameter](const std::shared_ptr<minja::Context>&, Value& arguments) {
        return body(arguments.contains(parameter) ? arguments.at(parameter) : Value());
      });
}

// minja's counts bytes.
Value length(const Value& items) {
  if (!items.is_string()) return static_cast<int64_t>(items.size());
  return static_cast<int64_t>(count_code_points(items.get<std::string>()));
}

}  // namespace

std::shared_ptr<minja::Context> jinja_builtins(const std::optional<Moment>& moment) {
  auto context = minja::Context::make(Value::object(), minja::Context::builtins());
  context->set("raise_exception",
               function("raise_exception", "message", [](const Value& message) -> Value {
                 throw TemplateComplaint{message.to_str()};
               }));
  context->set(
      "strftime_now", function("strftime_now", "format", [moment](const Value& format) {
        return Value(format_time(format.get<std::string>(), moment.value_or(Moment::now())));
      }));
  // A missing value is an empty text, and white space is Unicode's.
  context->set("trim", function("trim", "text", [](const Value& value) {
                 return Value(value.is_null() ? std::string() : trim(value.to_str()));
               }));
  context->set("length", function("length", "items", length));
  context->set("count", function("count", "items", length));
  return context;
}

}  // namespace retmask::text
