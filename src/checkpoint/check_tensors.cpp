#include <algorithm>
#include <set>

#include "retmask/base/error.h"
#include "retmask/checkpoint/checkpoint.h"

namespace retmask {
namespace {

constexpr size_t kListed = 8;

// "3 missing: a, b, c"; of a long list the first names and a count.
std::string describe(const std::vector<std::string>& names, const std::string& kind) {
  std::string text = std::to_string(names.size()) + " " + kind + ": ";
  for (size_t i = 0; i < std::min(names.size(), kListed); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kListed) text += " and " + std::to_string(names.size() - kListed) + " more";
  return text;
}

}  // namespace

void check_tensors(const Checkpoint& checkpoint,
                   const std::vector<TensorSpec>& expected,
                   const std::vector<std::string>& optional_names) {
  const std::set<std::string> optional(optional_names.begin(), optional_names.end());
  const auto& held = checkpoint.tensors();
  std::set<std::string> known = optional;
  std::vector<std::string> missing, unexpected, wrong_shape, wrong_type;
  for (const TensorSpec& spec : expected) {
    known.insert(spec.name);
    const auto found = held.find(spec.name);
    if (found == held.end()) {
      if (!optional.contains(spec.name)) missing.push_back(spec.name);
    } else if (found->second.shape != spec.shape) {
      wrong_shape.push_back(spec.name + " is " + format_shape(found->second.shape) + ", expected " +
                            format_shape(spec.shape));
    } else if (is_floating(found->second.type) != is_floating(spec.type)) {
      wrong_type.push_back(spec.name + " is " + std::string(safetensors_name(found->second.type)));
    }
  }
  for (const auto& [name, spec] : held) {
    if (!known.contains(name)) unexpected.push_back(name);
  }

  std::string problems;
  const auto report = [&](const std::vector<std::string>& names, const std::string& kind) {
    if (!names.empty()) problems += (problems.empty() ? "" : "; ") + describe(names, kind);
  };
  report(missing, "missing");
  report(unexpected, "unexpected");
  report(wrong_shape, "of the wrong shape");
  report(wrong_type, "of the wrong type");
  if (!problems.empty()) {
    user_error("the weights in ", checkpoint.dir(), " do not fit its config.json: ", problems);
  }
}

}  // namespace retmask
