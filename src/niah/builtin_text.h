#pragma once
// The files of src/niah/builtin, embedded in the binary by CMake.

#include <string_view>

namespace retmask::niah {

extern const std::string_view kLiteralNeedles;     // needles_literal.jsonl
extern const std::string_view kNonLiteralNeedles;  // needles_non_literal.jsonl
extern const std::string_view kBuiltinHaystack;    // haystack_*.txt, separated by empty lines

}  // namespace retmask::niah
