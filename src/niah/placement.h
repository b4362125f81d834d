#pragma once
// Inserts a needle into a haystack: the two placements side by side.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/niah/grid.h"
#include "retmask/niah/needles.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::niah {

// Builds the contexts of one needle. Keeps the encoded haystack.
class ContextMaker {
 public:
  ContextMaker(const Tokenizer& tokenizer,
               const std::string& haystack,
               const std::string& needle,
               const GridOptions& grid);

  // Depth number `depth` of grid.depths as a fraction of the context.
  double depth_fraction(int64_t depth) const;
  // Returns the text of a context of `length` tokens. Throws UserError if the needle is longer than
  // that.
  std::string make(int64_t length, int64_t depth) const;

 private:
  std::string make_sentence(int64_t length, int64_t depth) const;
  std::string make_reference(int64_t length, int64_t depth) const;

  const Tokenizer& tokenizer_;
  NeedlePlacement placement_;
  int64_t depths_;
  std::vector<int64_t> haystack_;
  std::vector<int64_t> needle_;
};

}  // namespace retmask::niah
