#include "bpe.h"

#include <cstdio>
#include <utility>

#include "byte_level.h"
#include "retmask/base/error.h"
#include "utf8.h"

namespace retmask::text {
namespace {

int32_t require(const TokenTable& vocabulary, std::string_view token, const std::string& where) {
  const std::optional<int32_t> id = vocabulary.find(token);
  if (!id)
    user_error(
        where, ": \"", token, "\" is part of a merge, or unk_token, but not in the vocabulary");
  return *id;
}

MergeTable resolve(const BpeModel::Merges& merges,
                   const TokenTable& vocabulary,
                   const std::string& where) {
  MergeTable table(merges.size());
  std::string merged;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const int32_t left_id = require(vocabulary, left, where);
    const int32_t right_id = require(vocabulary, right, where);
    merged.assign(left).append(right);
    const int32_t merged_id = require(vocabulary, merged, where);
    table.add(left_id, right_id, {static_cast<uint32_t>(rank), merged_id});
  }
  return table;
}

}  // namespace

BpeModel::BpeModel(BpeOptions options,
                   TokenTable vocabulary,
                   const Merges& merges,
                   const std::string& where)
    : options_(std::move(options)),
      vocabulary_(std::move(vocabulary)),
      merges_(resolve(merges, vocabulary_, where)) {
  if (options_.unk_token) unk_id_ = require(vocabulary_, *options_.unk_token, where);
  for (size_t byte = 0; byte < 256; ++byte) {
    byte_ids_[byte] = vocabulary_.find(byte_level_characters()[byte]);
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    fallback_ids_[byte] = vocabulary_.find(name);
  }
}

void BpeModel::encode(std::string_view word, BpeScratch& scratch, std::vector<int64_t>& ids) const {
  const uint64_t hash = hash_bytes(word);
  const std::span<const int32_t> known = scratch.cache.find(word, hash);
  if (!known.empty()) {
    ids.insert(ids.end(), known.begin(), known.end());
    return;
  }
  std::vector<int32_t>& symbols = scratch.symbols;
  symbols.clear();
  const std::optional<int32_t> whole = options_.ignore_merges ? whole_word(word) : std::nullopt;
  if (whole) {
    symbols.push_back(*whole);
  } else {
    to_symbols(word, symbols);
    scratch.merger.merge(merges_, symbols);
  }
  scratch.cache.put(word, hash, symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

std::optional<int32_t> BpeModel::whole_word(std::string_view word) const {
  if (!options_.byte_level) return vocabulary_.find(word);
  std::string characters;
  for (const char byte : word)
    characters += byte_level_characters()[static_cast<unsigned char>(byte)];
  return vocabulary_.find(characters);
}

void BpeModel::to_symbols(std::string_view word, std::vector<int32_t>& symbols) const {
  bool unk_waits = false;
  const auto put_unk = [&] {
    if (std::exchange(unk_waits, false)) symbols.push_back(*unk_id_);
  };
  for (size_t at = 0; at < word.size();) {
    const auto byte = static_cast<unsigned char>(word[at]);
    const size_t size = options_.byte_level ? 1 : utf8_size(byte);
    const std::string_view character = options_.byte_level
                                           ? std::string_view(byte_level_characters()[byte])
                                           : word.substr(at, size);
    const std::optional<int32_t> id =
        options_.byte_level ? byte_ids_[byte] : vocabulary_.find(character);
    if (id) {
      put_unk();
      symbols.push_back(*id);
    } else if (!put_bytes(character, symbols) && unk_id_) {
      if (!options_.fuse_unk) put_unk();
      unk_waits = true;
    }
    at += size;
  }
  put_unk();
}

bool BpeModel::put_bytes(std::string_view character, std::vector<int32_t>& symbols) const {
  if (!options_.byte_fallback) return false;
  const size_t before = symbols.size();
  for (const char byte : character) {
    const std::optional<int32_t> id = fallback_ids_[static_cast<unsigned char>(byte)];
    if (!id) {
      symbols.resize(before);
      return false;
    }
    symbols.push_back(*id);
  }
  return true;
}

}  // namespace retmask::text
