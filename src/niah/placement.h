#pragma once
// Inserts a needle into a haystack: the two placements side by side.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/random.h"
#include "retmask/niah/grid.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::niah {

// Builds the contexts of one needle. Keeps the encoded haystack.
class ContextMaker {
 public:
  // `needles[asked]` is the needle of these contexts.
  ContextMaker(const Tokenizer& tokenizer,
               const std::string& haystack,
               std::vector<std::string> needles,
               size_t asked,
               const GridOptions& grid);

  // Depth number `depth` of grid.depths, at this length, as a fraction of the context.
  double depth_fraction(int64_t length, int64_t depth) const;
  // Returns the text of a context of `length` tokens. Throws UserError if its needles are longer
  // than that.
  std::string make(int64_t length, int64_t depth) const;

 private:
  using Tokens = std::vector<int64_t>;

  std::string make_sentence(int64_t length, int64_t depth) const;
  std::string make_reference(int64_t length, int64_t depth) const;
  // Numbers that depend on the seed, the needle, the length and the depth.
  RandomStream draws(const char* what, int64_t length, int64_t depth) const;
  Tokens encode_needle(size_t needle) const;
  // The largest position up to `position` at which a sentence of `body` ends, or 0. The end of the
  // body counts.
  size_t sentence_end(const Tokens& body, size_t position) const;

  const Tokenizer& tokenizer_;
  std::vector<std::string> needles_;
  size_t asked_;
  GridOptions grid_;
  Tokens haystack_;
  Tokens needle_;
};

}  // namespace retmask::niah
