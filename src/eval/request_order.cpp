#include "request_order.h"

#include <algorithm>

#include "retmask/engine/generator.h"

namespace retmask::eval {
namespace {

using TokenSequence = std::span<const int64_t>;

bool begin_alike(TokenSequence a, TokenSequence b, size_t shared) {
  return a.size() >= shared && b.size() >= shared &&
         std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shared), b.begin());
}

}  // namespace

std::vector<size_t> request_order(const std::vector<TokenSequence>& prompts, size_t shared) {
  std::vector<size_t> order = prefix_order(prompts);
  struct Group {
    std::vector<size_t> members = {};
    size_t longest = 0;
  };
  std::vector<Group> groups;
  for (const size_t index : order) {
    const bool joins = !groups.empty() &&
                       begin_alike(prompts[groups.back().members.back()], prompts[index], shared);
    if (!joins) groups.emplace_back();
    groups.back().members.push_back(index);
    groups.back().longest = std::max(groups.back().longest, prompts[index].size());
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return a.longest > b.longest;
  });
  order.clear();
  for (const Group& group : groups) {
    order.insert(order.end(), group.members.begin(), group.members.end());
  }
  return order;
}

}  // namespace retmask::eval
