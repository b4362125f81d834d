#pragma once
// Text <-> token ids, identical to Hugging Face's fast tokenizers for the supported families.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retmask {

// All methods are thread-safe.
class Tokenizer {
 public:
  // Loads tokenizer.json (byte-level BPE) of a checkpoint folder, otherwise tokenizer.model
  // (sentencepiece). Tokens found only in tokenizer_config.json, special_tokens_map.json or
  // added_tokens.json are appended to the vocabulary, as in transformers. Throws UserError when
  // neither file exists or a component is of an unsupported type (which it names).
  static std::unique_ptr<const Tokenizer> load(const std::filesystem::path& dir);

  virtual ~Tokenizer() = default;

  // `add_special_tokens` applies the post-processor (Llama-3's <|begin_of_text|>). Text of added
  // tokens ("<|im_end|>") becomes their ids in either case, as in Hugging Face. Invalid UTF-8 is a
  // UserError.
  virtual std::vector<int64_t> encode(std::string_view text, bool add_special_tokens) const = 0;
  // Bytes that are not valid UTF-8 (a character cut in the middle) become U+FFFD. Unassigned ids
  // decode to nothing, as in Hugging Face: many checkpoints pad their vocabulary beyond the
  // tokenizer's. A negative id is a UserError.
  virtual std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const = 0;

  // One past the largest id.
  virtual int64_t vocab_size() const = 0;
  virtual std::optional<int64_t> token_id(std::string_view token) const = 0;
  virtual bool is_special(int64_t id) const = 0;
  // The bytes of a text that the token stands for, which may be a part of a character; the space
  // that sentencepiece prepends to a text is one of them.
  virtual std::string token_text(int64_t id) const { return decode({&id, 1}, false); }
  // Whether the place of a token in the text (token_spans()) excludes the white space around it.
  virtual bool trims_spans() const { return false; }
};

// "eos_token" of the checkpoint folder's tokenizer files. Throws UserError.
std::optional<std::string> read_eos_token(const std::filesystem::path& dir);

// The token before a text that nothing precedes: "bos_token", else "eos_token", as
// lm-evaluation-harness' prefix_token_id; nullopt if the tokenizer has neither. Throws UserError.
std::optional<int64_t> prefix_token(const Tokenizer& tokenizer, const std::filesystem::path& dir);

// The ids that end an answer: `ids` (from generation_config.json) and the tokenizer's own
// eos_token, with which chat templates end turns. vLLM does the same; transformers' generate()
// stops only at `ids`.
std::vector<int64_t> with_eos_token(std::vector<int64_t> ids,
                                    const Tokenizer& tokenizer,
                                    const std::filesystem::path& dir);

}  // namespace retmask
