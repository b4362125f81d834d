#pragma once
// Scores in results.json of suite helmet, by category and length.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/report/helmet_tables.h"

namespace retmask {

struct HelmetScore {
  bool is_there = false;             // the category was run
  std::optional<double> value = {};  // in percent; nullopt: a judge has not given it
  bool is_partial = false;           // over fewer columns than HELMET's
};

// The seven categories in the order of HELMET's tables, and "Average", the mean of all.
const std::vector<std::string>& helmet_columns();
// Of all runs, ascending.
std::vector<int64_t> helmet_lengths(const std::vector<HelmetRun>& runs);
// "8K"; in tokens where it is no whole number of 1,024.
std::string helmet_length_text(int64_t length);
// `column`: of helmet_columns().
HelmetScore helmet_score(const HelmetRun& run, const std::string& column, int64_t length);
// The mean over the lengths; it is there if each is.
HelmetScore helmet_mean(const HelmetRun& run,
                        const std::string& column,
                        const std::vector<int64_t>& lengths);

}  // namespace retmask
