#pragma once
// Flags of which only one, or one set, can be meant: what the user gives on the command line
// overrides the alternatives in the config file, and there the command's section those outside it.

#include <map>
#include <string>
#include <vector>

namespace retmask::cli {

// Flags that go together, without dashes: "top-k"; "strategy=sft" when it has this value,
// "max-steps!=0" when it has another one.
using Alternative = std::vector<std::string>;

struct Alternatives {
  std::vector<Alternative> sets;
  // They exclude each other only while none of these is given.
  std::vector<std::string> unless = {};
};

// Flags by name with their last value.
using GivenFlags = std::map<std::string, std::string>;

// Whether `stronger` holds an alternative to the flag `name` with `value`. `all`: what is given so
// far, for `unless`.
bool has_alternative(const std::vector<Alternatives>& groups,
                     const GivenFlags& stronger,
                     const GivenFlags& all,
                     const std::string& name,
                     const std::string& value);

}  // namespace retmask::cli
