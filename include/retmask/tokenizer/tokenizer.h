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
  // (sentencepiece). Tokens that stand only in tokenizer_config.json, special_tokens_map.json or
  // added_tokens.json are added behind the others, as transformers does. Throws UserError when
  // neither is there or a part of it is of a kind that we do not read (names that part).
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

// "eos_token" of the checkpoint folder's tokenizer files. Throws UserError.
std::optional<std::string> read_eos_token(const std::filesystem::path& dir);

// The ids that end an answer: `ids` (those of generation_config.json) and the tokenizer's own
// eos_token, which chat templates end turns with. As vLLM does; transformers' generate() stops at
// `ids` alone.
std::vector<int64_t> with_eos_token(std::vector<int64_t> ids,
                                    const Tokenizer& tokenizer,
                                    const std::filesystem::path& dir);

}  // namespace retmask
