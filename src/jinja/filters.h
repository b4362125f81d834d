#pragma once
// The filters of Jinja2 and transformers' tojson, in one table per kind. To add one, write a
// function and a row in the table of filters_text.cpp, filters_number.cpp, filters_items.cpp or
// filters_html.cpp; its parameters are those of Jinja2's function.

#include <string_view>

#include "call.h"

namespace retmask::jinja {

// Null if there is none.
const Function* find_filter(std::string_view name);
// Whether the result is known only at render time.
bool filter_needs_context(std::string_view name);
// Throws PythonError if there is none.
Value apply_filter(Runtime& runtime, std::string_view name, Value operand, Arguments arguments);

const Function* find_text_filter(std::string_view name);
const Function* find_number_filter(std::string_view name);
const Function* find_items_filter(std::string_view name);
const Function* find_html_filter(std::string_view name);

}  // namespace retmask::jinja
