#pragma once
// From counted answers to the curve and the choice.

#include "retmask/detect/verify.h"
#include "verify_policies.h"

namespace retmask::detect {

// draws[p] belongs to policies[p]; the unmasked policy is the point k = 0 of each mask.
std::vector<VerifyPoint> verify_curve(const std::vector<VerifyPolicy>& policies,
                                      const std::vector<VerifyDraw>& draws,
                                      int64_t num_samples,
                                      int64_t num_questions);

VerifyChoice choose(const std::vector<VerifyPoint>& curve, const HeadMeans& means, Pick pick);

}  // namespace retmask::detect
