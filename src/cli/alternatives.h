#pragma once
// Mutually exclusive flags or sets of flags: a flag on the command line overrides its alternatives
// in the config file, and one in the command's section those at the top level.

#include <map>
#include <string>
#include <vector>

namespace retmask::cli {

// Flags that may be combined, without dashes: "top-k"; "strategy=sft" if it has this value,
// "max-steps!=0" if it has another one.
using Alternative = std::vector<std::string>;

struct Alternatives {
  std::vector<Alternative> sets;
  // The sets exclude each other only if none of these flags is given.
  std::vector<std::string> unless = {};
};

// Last value of each flag, by name.
using GivenFlags = std::map<std::string, std::string>;

// Whether `stronger` contains an alternative to the flag `name` with `value`. `all`: the flags
// given so far, for `unless`.
bool has_alternative(const std::vector<Alternatives>& groups,
                     const GivenFlags& stronger,
                     const GivenFlags& all,
                     const std::string& name,
                     const std::string& value);

}  // namespace retmask::cli
