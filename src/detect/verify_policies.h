#pragma once
// The masks of --verify.

#include <string>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/model/head_mask.h"

namespace retmask::detect {

// Sets of random heads for each k.
constexpr int64_t kRandomDraws = 3;

struct VerifyPolicy {
  std::string mask = {};  // "none", "retrieval", "random" or "bottom"
  int64_t k = 0;
  int64_t draw = 0;
  HeadMask heads = {};  // by layer and head
};

// First no mask, then by mask and k. Random heads are drawn from those outside of the top k. Of
// equal scores at the bottom, a random choice is taken: most heads have 0, and the last ones of the
// model are no fair sample of them. The ks are as check_ks() wants them.
std::vector<VerifyPolicy> verify_policies(const HeadMeans& means,
                                          const std::vector<int64_t>& ks,
                                          uint64_t seed);

}  // namespace retmask::detect
