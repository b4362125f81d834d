#pragma once
// Spaces written as a printable character ("▁"), as in sentencepiece: options shared by a
// pre-tokenizer and a decoder.

#include <string>

#include "retmask/base/json.h"

namespace retmask::text {

struct Metaspace {
  enum class Prepend { kFirst, kNever, kAlways };

  std::string replacement;  // one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;  // whether each replacement starts a word
};

// Throws UserError, which names `where`.
Metaspace read_metaspace(const Json& json, const std::string& where);

}  // namespace retmask::text
