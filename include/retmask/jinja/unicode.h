#pragma once
// Strings as in Python: indexed by code points, with Python's character classes and case mappings.

#include <cstddef>
#include <string>
#include <string_view>

namespace retmask::jinja {

size_t count_code_points(std::string_view text);
// Byte offset of code point number `index`; the end for index = length.
size_t byte_offset(std::string_view text, size_t index);
std::u32string to_code_points(std::string_view text);
std::string to_utf8(std::u32string_view text);
void append_code_point(std::string& out, char32_t c);
// The code point at `at`, which is advanced past it.
char32_t decode_at(std::string_view text, size_t& at);

// str.isspace() of one character; also what strip() removes, split() splits at and \s matches.
bool is_space(char32_t c);
bool is_line_break(char32_t c);  // where str.splitlines() splits
bool is_alphabetic(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_alphanumeric(char32_t c);
bool is_word(char32_t c);  // \w
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_title(char32_t c);
bool is_cased(char32_t c);
bool is_printable(char32_t c);
bool is_identifier_start(char32_t c);
bool is_identifier_part(char32_t c);
// The value of a decimal digit of any script; -1 if it is not one.
int decimal_value(char32_t c);

std::string upper_case(std::string_view text);
std::string lower_case(std::string_view text);  // with the final sigma
std::string fold_case(std::string_view text);
std::string title_case(char32_t c);  // of one character
std::string swap_case(std::string_view text);
std::string capitalized(std::string_view text);
std::string titled(std::string_view text);  // str.title()

// repr() of a str.
std::string repr_text(std::string_view text);

std::string_view strip_spaces(std::string_view text, bool left, bool right);

}  // namespace retmask::jinja
