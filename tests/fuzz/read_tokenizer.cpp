#include "harnesses.h"
#include "retmask/base/error.h"
#include "retmask/tokenizer/tokenizer.h"
#include "scratch_file.h"

namespace retmask::fuzz {

// A tokenizer that loads must encode any text and decode any id, or report an error.
void read_tokenizer(std::string_view bytes) {
  static const ScratchFile scratch("tokenizer.json");
  scratch.holding(bytes);
  const auto tokenizer = Tokenizer::load(scratch.dir());
  for (const std::string_view text :
       {"",
        "Hello w\xc3\xb6rld, it's 12 345\n\n <|im_end|><|im_start|>user  ",
        "\xf0\x9f\xaa\x90\xcc\x81\xe1\x85\xa0\xef\xac\x81 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    for (const bool add_special : {false, true}) {
      try {
        const auto ids = tokenizer->encode(text, add_special);
        tokenizer->decode(ids, /*skip_special_tokens=*/add_special);
      } catch (const UserError&) {
      }
    }
  }
  const std::vector<int64_t> ids{0, 1, 2, 255, 379, 2147483647, int64_t{1} << 40};
  tokenizer->decode(ids, /*skip_special_tokens=*/false);
}

}  // namespace retmask::fuzz
