#pragma once

#include <cstddef>
#include <cstdint>

#include "retmask/metrics/rouge.h"

namespace retmask {

// `hits` of the target's and of the prediction's units (tokens, pairs) are common.
RougeScore rouge_of_hits(int64_t hits, size_t target_units, size_t prediction_units);

}  // namespace retmask
