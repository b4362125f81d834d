#include "retmask/jinja/template.h"

#include <utility>

#include "evaluator.h"
#include "json_text.h"
#include "parser.h"
#include "retmask/jinja/unicode.h"
#include "runtime.h"
#include "symbols.h"

namespace retmask::jinja {
namespace {

constexpr size_t kMaxReason = 1000;  // bytes of a message taken from a template or its data

// Messages from a template may contain anything: line breaks and terminal escapes are escaped.
std::string printable(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (out.size() > kMaxReason) return out + "...";
    const char32_t c = decode_at(text, at);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == ' ' || c == 0xA0 || is_printable(c)) {
      append_code_point(out, c);
    } else {
      std::string hex;
      for (char32_t rest = c; rest > 0 || hex.size() < 2; rest >>= 4) {
        hex.insert(hex.begin(), "0123456789abcdef"[rest & 15]);
      }
      out += c < 0x100 ? "\\x" + hex : "\\u{" + hex + "}";
    }
  }
  return out;
}

std::string located(const std::string& name, int line, const std::string& reason) {
  std::string where = printable(name);
  if (line > 0) where += (where.empty() ? "line " : ", line ") + std::to_string(line);
  return where + ": " + reason;
}

}  // namespace

TemplateError::TemplateError(const std::string& name, int line, const std::string& reason)
    : UserError(located(name, line, printable(reason))), line_(line), reason_(printable(reason)) {}

struct Template::Impl {
  std::string name;
  Program program;
};

Template Template::parse(std::string_view source, const std::string& name) {
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  impl->program = parse_template(source, name);
  resolve_symbols(impl->program, name);
  return Template(std::move(impl));
}

Template::Template(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

std::string Template::render(const Json& variables, const Options& options) const {
  RETMASK_CHECK(variables.is_object());
  Runtime runtime(options);
  try {
    const Value values = from_json(variables);
    return evaluate_program(impl_->program, values.dict_data(), runtime);
  } catch (const PythonError& error) {
    throw TemplateError(impl_->name, runtime.line, error.what());
  } catch (const RaisedByTemplate& error) {
    throw RaisedByTemplate(impl_->name, error.line(), error.reason());
  }
}

}  // namespace retmask::jinja
