#include "suite_options.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace retmask::eval {

void check_no_repeats(const char* flag, const std::vector<std::string>& values) {
  std::set<std::string> seen;
  for (const std::string& value : values) {
    if (!seen.insert(value).second) user_error(flag, " holds ", value, " twice");
  }
}

void check_sizes(const char* flag, const std::vector<int64_t>& values, int64_t smallest) {
  std::set<int64_t> seen;
  for (const int64_t value : values) {
    if (value < smallest) user_error(flag, " holds ", value, ", expected at least ", smallest);
    if (!seen.insert(value).second) user_error(flag, " holds ", value, " twice");
  }
}

void check_max_samples(int64_t max_samples) {
  if (max_samples < 1) user_error("--max-samples is ", max_samples, ", expected at least 1");
}

void check_depths(int64_t depths) {
  if (depths < 1) user_error("--depths is ", depths, ", expected at least 1");
}

int64_t prompt_limit(int64_t length, int64_t max_new_tokens, int64_t max_positions) {
  if (length > max_positions) return length;
  return std::min(length, max_positions - max_new_tokens);
}

void warn_of_short_prompts(const std::vector<Sample>& samples) {
  std::map<std::pair<std::string, int64_t>, size_t> shortest;
  for (const Sample& sample : samples) {
    const size_t tokens = sample.prompt.size();
    if (tokens == 0 || !sample.length || tokens * 2 > static_cast<size_t>(*sample.length)) continue;
    const auto [known, is_new] = shortest.try_emplace({sample.task, *sample.length}, tokens);
    if (!is_new) known->second = std::min(known->second, tokens);
  }
  for (const auto& [cell, tokens] : shortest) {
    log::warn(detail::concat("prompts of ",
                             cell.first,
                             " at length ",
                             cell.second,
                             " have as few as ",
                             tokens,
                             " tokens, because --data holds no more"));
  }
}

double depth_of(int64_t index, int64_t depths) {
  if (depths == 1) return 0.0;
  return static_cast<double>(index % depths) / static_cast<double>(depths - 1);
}

}  // namespace retmask::eval
