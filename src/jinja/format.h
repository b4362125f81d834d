#pragma once
// "%s" % x, "{}".format(x) and format(x, "08.3f").

#include "call.h"

namespace retmask::jinja {

Value printf_format(Runtime& runtime, const Value& format, const Value& values);
Value brace_format(Runtime& runtime, const Value& format, const Arguments& arguments);
// format_map: names are looked up in a single value.
Value brace_format_map(Runtime& runtime, const Value& format, const Value& mapping);

}  // namespace retmask::jinja
