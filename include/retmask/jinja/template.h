#pragma once
// Jinja templates with the meaning that Jinja2 gives them in the environment that transformers
// sets up for chat templates: an immutable sandbox, trim_blocks, lstrip_blocks, loop controls,
// {% generation %}, its own tojson, raise_exception and strftime_now. No autoescaping.
//
// What the engine does not know (a filter, a test, {% include %}) fails by name; nothing is passed
// over. A template is untrusted input: depth, steps, sizes and output are limited (Limits).

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/json.h"

namespace retmask::jinja {

// What a template asks for is wrong, or it asks for too much. what() is one printable line:
// "<name>, line 3: no filter named 'frob'".
class TemplateError : public UserError {
 public:
  TemplateError(const std::string& name, int line, const std::string& reason);

  int line() const { return line_; }                     // 1-based; 0 where none is known
  const std::string& reason() const { return reason_; }  // what() without name and line

 private:
  int line_;
  std::string reason_;
};

// The template called raise_exception(reason()).
class RaisedByTemplate : public TemplateError {
 public:
  using TemplateError::TemplateError;
};

// The source is no template.
class TemplateSyntaxError : public TemplateError {
 public:
  using TemplateError::TemplateError;
};

// Far beyond what a chat template needs, and reached within about a second.
struct Limits {
  int64_t steps = 20'000'000;       // expressions, statements and loop rounds evaluated
  int64_t output_bytes = 64 << 20;  // of the rendering
  int64_t value_bytes = 128 << 20;  // of all texts and lists that it builds, summed up
};

struct Options {
  // What strftime_now formats, in local time. Default: the moment of the call.
  std::optional<std::chrono::system_clock::time_point> now;
  Limits limits;
};

class Template {
 public:
  // `name` stands in error messages: a path, or "chat template". Throws TemplateSyntaxError.
  static Template parse(std::string_view source, const std::string& name);

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // `variables`: an object, whose members are the names that the template sees. Throws
  // TemplateError. May be called by several threads at once.
  std::string render(const Json& variables, const Options& options = {}) const;

 private:
  struct Impl;
  explicit Template(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace retmask::jinja
