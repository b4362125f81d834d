#include "alternatives.h"

#include <algorithm>

namespace retmask::cli {
namespace {

// Example: "max-steps!=0" matches max-steps with the value 100.
bool is_member(const std::string& member, const std::string& name, const std::string& value) {
  const size_t end = member.find_first_of("!=");
  if (member.substr(0, end) != name) return false;
  if (end == std::string::npos) return true;
  const bool differs = member[end] == '!';
  return differs != (member.substr(end + (differs ? 2 : 1)) == value);
}

bool holds(const Alternative& set, const std::string& name, const std::string& value) {
  return std::ranges::any_of(
      set, [&](const std::string& member) { return is_member(member, name, value); });
}

// True if both flags are in the group and no set contains both.
bool exclude_each_other(const Alternatives& group,
                        const GivenFlags::value_type& given,
                        const std::string& name,
                        const std::string& value) {
  bool knows_given = false;
  bool knows_flag = false;
  for (const Alternative& set : group.sets) {
    const bool has_given = holds(set, given.first, given.second);
    const bool has_flag = holds(set, name, value);
    if (has_given && has_flag) return false;
    knows_given = knows_given || has_given;
    knows_flag = knows_flag || has_flag;
  }
  return knows_given && knows_flag;
}

}  // namespace

bool has_alternative(const std::vector<Alternatives>& groups,
                     const GivenFlags& stronger,
                     const GivenFlags& all,
                     const std::string& name,
                     const std::string& value) {
  return std::ranges::any_of(groups, [&](const Alternatives& group) {
    const bool counts = std::ranges::none_of(
        group.unless, [&](const std::string& flag) { return all.contains(flag); });
    return counts && std::ranges::any_of(stronger, [&](const GivenFlags::value_type& flag) {
             return exclude_each_other(group, flag, name, value);
           });
  });
}

}  // namespace retmask::cli
