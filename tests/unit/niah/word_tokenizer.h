#pragma once
// A tokenizer for tests that count tokens by hand: words with the preceding space, and '.' alone.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/tokenizer/tokenizer.h"

namespace retmask::niah {

class WordTokenizer : public Tokenizer {
 public:
  static constexpr int64_t kStart = 0;  // "<s>", prepended when special tokens are requested

  explicit WordTokenizer(int64_t period_id = 1, bool adds_start = true) : adds_start_(adds_start) {
    define("<s>", kStart);
    define(".", period_id);
  }

  std::vector<int64_t> encode(std::string_view text, bool add_special_tokens) const override {
    std::vector<int64_t> ids;
    if (add_special_tokens && adds_start_) ids.push_back(kStart);
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, piece_size(text));
      ids.push_back(id_of(std::string(piece)));
      text.remove_prefix(piece.size());
    }
    return ids;
  }

  std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const override {
    std::string text;
    for (const int64_t id : ids) {
      if (!skip_special_tokens || id != kStart) text += pieces_.at(id);
    }
    return text;
  }

  int64_t vocab_size() const override { return 100000; }
  std::optional<int64_t> token_id(std::string_view token) const override {
    const auto found = ids_.find(std::string(token));
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  bool is_special(int64_t id) const override { return id == kStart; }

 private:
  static size_t piece_size(std::string_view text) {
    if (text.starts_with("<s>")) return 3;
    if (text[0] == '.') return 1;
    const size_t end = text.find_first_of(" .<\n", 1);
    return end == std::string_view::npos ? text.size() : end;
  }

  int64_t id_of(const std::string& piece) const {
    const auto found = ids_.find(piece);
    if (found != ids_.end()) return found->second;
    return define(piece, 10 + static_cast<int64_t>(ids_.size()));
  }

  int64_t define(const std::string& piece, int64_t id) const {
    ids_[piece] = id;
    pieces_[id] = piece;
    return id;
  }

  bool adds_start_;
  mutable std::map<std::string, int64_t> ids_;  // grows with each new word
  mutable std::map<int64_t, std::string> pieces_;
};

}  // namespace retmask::niah
