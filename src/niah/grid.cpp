#include "retmask/niah/grid.h"

#include <cmath>
#include <set>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"

namespace retmask::niah {

namespace {

constexpr EnumNames<NeedlePlacement, 2> kPlacementNames{
    {{{NeedlePlacement::sentence, "sentence"}, {NeedlePlacement::reference, "reference"}}}};

constexpr EnumNames<DepthRule, 2> kDepthRuleNames{
    {{{DepthRule::even, "even"}, {DepthRule::random, "random"}}}};

}  // namespace

std::string to_string(NeedlePlacement placement) { return kPlacementNames.name_of(placement); }
std::string to_string(DepthRule rule) { return kDepthRuleNames.name_of(rule); }

NeedlePlacement parse_placement(const std::string& name) {
  return kPlacementNames.parse("--placement", name);
}

DepthRule parse_depth_rule(const std::string& name) {
  return kDepthRuleNames.parse("--depth-rule", name);
}

void GridOptions::validate() const {
  if (depths < 1) user_error("--depths is ", depths, ", expected at least 1");
  if (needles_per_context < 1)
    user_error("--needles-per-context is ", needles_per_context, ", expected at least 1");
  if (placement == NeedlePlacement::reference &&
      (needles_per_context != 1 || depth_rule != DepthRule::even)) {
    user_error(
        "--placement reference places one needle at even depths; leave out --needles-per-context "
        "and --depth-rule");
  }
  if (max_new_tokens < 1)
    user_error("--max-new-tokens is ", max_new_tokens, ", expected at least 1");
  if (lengths.empty()) {
    if (min_length < 0) user_error("--min-length is ", min_length, ", expected at least 0");
    if (max_length < min_length) {
      user_error("--max-length is ", max_length, ", expected at least --min-length, ", min_length);
    }
    if (length_steps < 1) user_error("--length-steps is ", length_steps, ", expected at least 1");
  }
  std::set<int64_t> seen;
  for (const int64_t length : context_lengths()) {
    if (length < 0) user_error("--lengths holds ", length, ", expected at least 0");
    if (!seen.insert(length).second) {
      user_error("the context length ", length, " occurs twice; see --lengths and --length-steps");
    }
  }
}

std::vector<int64_t> GridOptions::context_lengths() const {
  if (!lengths.empty()) return lengths;
  std::vector<int64_t> spaced = {min_length};
  const double step =
      static_cast<double>(max_length - min_length) / static_cast<double>(length_steps - 1);
  for (int64_t i = 1; i < length_steps; ++i) {
    // nearbyint rounds halves to even, as numpy.round does.
    spaced.push_back(min_length +
                     static_cast<int64_t>(std::nearbyint(static_cast<double>(i) * step)));
  }
  return spaced;
}

}  // namespace retmask::niah
