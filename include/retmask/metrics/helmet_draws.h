#pragma once
// The random choices of HELMET's loaders (data.py there).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::metrics {

// Seed for a row's demonstrations: SHA-256 of its key, plus `offset`, modulo 2^31. (ICL: the text,
// and the run's seed as offset.)
uint64_t helmet_row_seed(std::string_view key, uint64_t offset = 0);

// `count` of the distinct keys, in the drawn order; all of them, drawn, if there are fewer. Keys
// are texts or whole numbers, drawn from in their order: 9 before 10, but "10" before "9".
std::vector<Json> helmet_select_keys(const std::vector<Json>& keys, uint64_t count, uint64_t seed);

// ALCE: per row the drawn demonstrations out of `demos`.
std::vector<std::vector<uint64_t>> helmet_alce_demos(uint64_t rows,
                                                     uint64_t demos,
                                                     uint64_t shots,
                                                     uint64_t seed);

// ICL: [label] -> the number shown for it.
std::vector<uint64_t> helmet_label_mapping(uint64_t labels, uint64_t seed);

// ICL: rows of `shots` demonstrations with the labels balanced, in rounds. `labels`: of each row.
std::vector<uint64_t> helmet_balanced_rows(const std::vector<int64_t>& labels,
                                           uint64_t shots,
                                           uint64_t seed);

// GPQA in simple-evals: per question the places of its four choices (right one first).
std::vector<std::vector<uint64_t>> gpqa_permutations(uint64_t questions, uint64_t seed = 0);

}  // namespace retmask::metrics
