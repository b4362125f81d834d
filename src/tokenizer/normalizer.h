#pragma once
// The "normalizer" of tokenizer.json, applied to the text first.

#include <memory>
#include <string>

#include "retmask/base/json.h"

namespace retmask::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `text` is valid UTF-8 before and after the call.
  virtual void apply(std::string& text) const = 0;
};

// NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Sequence; null for JSON null. Throws
// UserError, which names `where`, for any other type.
std::unique_ptr<const Normalizer> make_normalizer(const Json& json, const std::string& where);

}  // namespace retmask::text
