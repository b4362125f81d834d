#include "retmask/synthesize/selection.h"

#include <algorithm>
#include <charconv>

#include "retmask/base/error.h"
#include "retmask/base/random.h"

namespace retmask::synthesize {
namespace {

int64_t parse_number(std::string_view text, const std::string& whole) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    user_error("--shard ", whole, ": expected i/n, such as 0/4 for the first of four parts");
  }
  return number;
}

// Each prompt draws a random number; those with the lowest numbers are the sample.
std::vector<bool> draw_sample(const std::vector<Prompt>& prompts, int64_t sample, uint64_t seed) {
  std::vector<std::pair<uint64_t, size_t>> draws;
  for (size_t i = 0; i < prompts.size(); ++i) {
    draws.emplace_back(RandomStream(seed, "sample/" + prompts[i].id).next(), i);
  }
  const auto end = draws.begin() + std::min(sample, static_cast<int64_t>(draws.size()));
  std::nth_element(draws.begin(), end, draws.end());
  std::vector<bool> drawn(prompts.size(), false);
  for (auto draw = draws.begin(); draw != end; ++draw) drawn[draw->second] = true;
  return drawn;
}

}  // namespace

void Selection::validate() const {
  if (sample < 0) user_error("--sample is ", sample, ", expected 1 or more, or 0 for all");
  if (skip < 0) user_error("--skip is ", skip, ", expected 0 or more");
  if (limit < 0) user_error("--limit is ", limit, ", expected 1 or more, or 0 for all");
  if (num_shards < 1 || shard < 0 || shard >= num_shards) {
    user_error(
        "--shard ", shard, "/", num_shards, " does not exist; the parts of n are 0/n to (n-1)/n");
  }
}

void parse_shard(const std::string& text, Selection& selection) {
  const size_t slash = std::min(text.find('/'), text.size());
  selection.shard = parse_number(std::string_view(text).substr(0, slash), text);
  selection.num_shards =
      parse_number(std::string_view(text).substr(std::min(slash + 1, text.size())), text);
  selection.validate();
}

void select_prompts(const Selection& selection, PromptSet& set) {
  selection.validate();
  if (selection.sample > 0) {
    const std::vector<bool> drawn = draw_sample(set.prompts, selection.sample, selection.seed);
    set.leave_out(SkipReason::not_sampled, [&](size_t i) { return !drawn[i]; });
  }
  if (selection.skip >= static_cast<int64_t>(set.prompts.size())) {
    user_error("--skip ", selection.skip, " leaves none of ", set.prompts.size(), " prompts");
  }
  const auto skip = static_cast<size_t>(selection.skip);
  set.leave_out(SkipReason::skipped, [&](size_t i) { return i < skip; });
  const auto limit = static_cast<size_t>(selection.limit);
  set.leave_out(SkipReason::beyond_limit, [&](size_t i) { return limit > 0 && i >= limit; });
  const auto shards = static_cast<size_t>(selection.num_shards);
  const auto shard = static_cast<size_t>(selection.shard);
  set.leave_out(SkipReason::other_shard, [&](size_t i) { return i % shards != shard; });
}

}  // namespace retmask::synthesize
