#pragma once
// The files of src/niah/builtin, put into the binary by CMake.

#include <string_view>

namespace retmask::niah {

extern const std::string_view kBuiltinNeedles;   // needles.jsonl
extern const std::string_view kBuiltinHaystack;  // haystack_*.txt, an empty line between them

}  // namespace retmask::niah
