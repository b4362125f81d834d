// For builds without CUDA kernels: CausalLm::has_decode() is false there, so the host's way is the
// only one.

#include "host_next_tokens.h"

namespace retmask {

std::unique_ptr<NextTokens> make_next_tokens(const CausalLm& model,
                                             const BlockPool& pool,
                                             const NextTokensOptions& options) {
  return std::make_unique<HostNextTokens>(model, pool, options);
}

}  // namespace retmask
