#pragma once
// The "pre_tokenizer" of tokenizer.json: splits the text into words, within which the model merges.

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/json.h"
#include "split.h"

namespace retmask::text {

// A text split into pieces on its way to the model. Reused across texts to keep its memory.
struct Pieces {
  std::vector<std::string_view> views;  // into the text or `rewritten`
  std::deque<std::string> rewritten;    // pieces changed by a pre-tokenizer
  bool at_text_start = true;            // whether views[0] is the start of the user's text

  std::vector<std::string_view> next;  // output of a step before it becomes `views`
  std::vector<Segment> segments;

  void reset(std::string_view text, bool is_text_start);
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
  // Whether the model works on bytes (each written as one printable character in its vocabulary)
  // instead of characters.
  virtual bool is_byte_level() const { return false; }
};

// Split, Digits, ByteLevel, Metaspace, Sequence; null for JSON null. Throws UserError, which names
// `where`, for any other type.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where);

}  // namespace retmask::text
