#pragma once
// Jinja templates with the semantics of Jinja2 in the environment that transformers sets up for
// chat templates: an immutable sandbox, trim_blocks, lstrip_blocks, loop controls, {% generation
// %}, its own tojson, raise_exception and strftime_now. No autoescaping.
//
// Anything the engine does not support (a filter, a test, {% include %}) fails with an error that
// names it; nothing is ignored. A template is untrusted input: depth, steps, sizes and output are
// limited (Limits).

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/json.h"

namespace retmask::jinja {

// The template failed, or exceeded a limit. what() is one printable line: "<name>, line 3: no
// filter named 'frob'".
class TemplateError : public UserError {
 public:
  TemplateError(const std::string& name, int line, const std::string& reason);

  int line() const { return line_; }                     // 1-based; 0 if unknown
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

// The source is not a valid template.
class TemplateSyntaxError : public TemplateError {
 public:
  using TemplateError::TemplateError;
};

// Far beyond the needs of a chat template, and reached within about a second.
struct Limits {
  int64_t steps = 20'000'000;       // expressions, statements and loop iterations evaluated
  int64_t output_bytes = 64 << 20;  // rendered output
  int64_t value_bytes = 128 << 20;  // all strings and lists built, in total
};

struct Options {
  // Local time formatted by strftime_now. Default: the time of the call.
  std::optional<std::chrono::system_clock::time_point> now;
  Limits limits;
};

class Template {
 public:
  // `name` appears in error messages: a path, or "chat template". Throws TemplateSyntaxError.
  static Template parse(std::string_view source, const std::string& name);

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // `variables`: an object whose members are the variables of the template. Throws TemplateError.
  // Thread-safe.
  std::string render(const Json& variables, const Options& options = {}) const;

 private:
  struct Impl;
  explicit Template(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace retmask::jinja
