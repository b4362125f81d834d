#pragma once
// The filters of Jinja2 and transformers' tojson, in tables of their kinds. A new one is a function
// and a row in the table of filters_text.cpp, filters_number.cpp, filters_items.cpp or
// filters_html.cpp; its parameters are those of Jinja2's function.

#include <string_view>

#include "call.h"

namespace retmask::jinja {

// Null when there is none.
const Function* find_filter(std::string_view name);
// Whether what it gives is known only while the template renders.
bool filter_needs_context(std::string_view name);
// Throws PythonError when there is none.
Value apply_filter(Runtime& runtime, std::string_view name, Value operand, Arguments arguments);

const Function* find_text_filter(std::string_view name);
const Function* find_number_filter(std::string_view name);
const Function* find_items_filter(std::string_view name);
const Function* find_html_filter(std::string_view name);

}  // namespace retmask::jinja
