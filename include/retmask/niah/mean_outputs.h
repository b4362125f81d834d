#pragma once
// Masks of mode mean: a head's mean attention output over a text.
//
//   mean(h) = 1 / T * sum over the T tokens t of the text of the output of head h at t, before W_o
//
// The text is encoded whole, with the special tokens that the tokenizer adds, and read in sequences
// of kMeanSequenceTokens (the last may be shorter), each from position 0. One mean serves all
// positions, so it is a constant of the model: mean ablation (MaskMode::mean) over a reference text
// that says nothing about the needle.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/model/inference.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::niah {

inline constexpr int64_t kMeanSequenceTokens = 2048;  // at most the model's positions

// A text file, or the .txt files of a folder and of its folders part1, part2, ...; empty: the
// built-in haystack. Throws UserError.
std::string read_mean_text(const std::filesystem::path& path);

// The heads with their means over the text (not empty), summed in float64. Throws UserError for
// tokens that the model lacks.
HeadMask mean_mask(const InferenceLm& model,
                   const Tokenizer& tokenizer,
                   std::string_view text,
                   const std::vector<Head>& heads);

}  // namespace retmask::niah
