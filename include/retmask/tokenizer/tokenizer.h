#pragma once
// Text <-> token ids, equal to Hugging Face's fast tokenizers for the families we support.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retmask {

// All methods may be called from several threads at once.
class Tokenizer {
 public:
  // From a checkpoint folder: tokenizer.json (byte-level BPE), else tokenizer.model
  // (sentencepiece). Throws UserError when neither is there or a part of it is of a kind that we do
  // not read (names that part).
  static std::unique_ptr<const Tokenizer> load(const std::filesystem::path& dir);

  virtual ~Tokenizer() = default;

  // `add_special_tokens` applies the post-processor (Llama-3's <|begin_of_text|>). Text of added
  // tokens ("<|im_end|>") becomes their ids in either case, as Hugging Face does. Invalid UTF-8 is
  // a UserError.
  virtual std::vector<int64_t> encode(std::string_view text, bool add_special_tokens) const = 0;
  // Bytes that are no valid UTF-8 (a character cut in the middle) become U+FFFD. Ids that no token
  // has decode to nothing, as in Hugging Face: many checkpoints pad their vocabulary beyond the
  // tokenizer's. A negative id is a UserError.
  virtual std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const = 0;

  // One past the largest id.
  virtual int64_t vocab_size() const = 0;
  virtual std::optional<int64_t> token_id(std::string_view token) const = 0;
  virtual bool is_special(int64_t id) const = 0;
};

}  // namespace retmask
