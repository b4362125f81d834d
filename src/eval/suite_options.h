#pragma once
// Checks and rules of options that several suites have.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/eval/sample.h"

namespace retmask::eval {

// Each throws UserError that names the flag.
void check_no_repeats(const char* flag, const std::vector<std::string>& values);
void check_sizes(const char* flag, const std::vector<int64_t>& values, int64_t smallest = 1);
void check_max_samples(int64_t max_samples);
void check_depths(int64_t depths);

// Most tokens of a prompt of the requested length: fewer where the model could read the prompt but
// not also answer it. A length that exceeds the model's maximum by itself is kept: its samples are
// errors.
int64_t prompt_limit(int64_t length, int64_t max_new_tokens, int64_t max_positions);

// Warns of lengths at which prompts have less than half of the tokens that were asked for, because
// --data holds no more.
void warn_of_short_prompts(const std::vector<Sample>& samples);

// Depth number `index` of `depths`, evenly spaced from 0 to 1, both included; repeats.
double depth_of(int64_t index, int64_t depths);

}  // namespace retmask::eval
