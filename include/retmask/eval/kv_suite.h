#pragma once
// Suite "kv": finds the value of a key in a JSON object of random keys and values (Liu et al. 2023,
// "Lost in the Middle", section 3; github.com/nelson-liu/lost-in-the-middle).

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct KvOptions {
  std::vector<int64_t> keys = {};     // numbers of pairs
  std::vector<int64_t> lengths = {};  // instead: as many pairs as make a prompt of so many tokens
  int64_t depths = 10;                // places of the key, evenly spaced, one per sample in turn
  int64_t max_samples = 100;          // per number of keys or length
  uint64_t seed = 0;

  // Throws UserError.
  void validate() const;
};

struct KvRow {
  std::vector<std::pair<std::string, std::string>> pairs = {};
  size_t gold = 0;  // index of the pair that is asked for
};

// Reads rows of {"ordered_kv_records": [[key, value], ...], "key", "value"}. Throws UserError with
// file and line.
std::vector<KvRow> read_kv_rows(const std::filesystem::path& path);

// Samples of `rows`, one per row, or with generated pairs if there are none. Without --keys and
// --lengths: all pairs of a row, or 75 generated ones. A row with fewer pairs than asked for gets
// more from the rows behind it. A sample's length is its requested tokens or its number of keys.
// Throws UserError if there are too few pairs, and for a length that is too small.
std::vector<Sample> build_kv_samples(const KvOptions& options,
                                     const std::vector<KvRow>& rows,
                                     const PromptEncoder& encoder,
                                     int64_t max_positions);

}  // namespace retmask::eval
