#pragma once
// Similarity of two texts by Python's difflib, as MRCR scores answers.

#include <string_view>

namespace retmask::metrics {

// difflib.SequenceMatcher(None, a, b).ratio(): twice the characters in matching blocks by those of
// both texts; 1 for two empty ones. In a `b` of 200 characters or more, those that make up over 1 %
// of it do not start a block. Source: CPython 3.11, Lib/difflib.py (Ratcliff & Metzener 1988).
double sequence_ratio(std::string_view a, std::string_view b);

// MRCR's grade: 0 unless the answer starts with `prefix`, else the ratio of what follows it in
// both.
double mrcr_grade(std::string_view answer, std::string_view right, std::string_view prefix);

}  // namespace retmask::metrics
