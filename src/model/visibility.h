#pragma once
// Which keys a query may see.

#include <torch/torch.h>

#include <cstdint>
#include <optional>

namespace retmask {

// visible[i][j]: may the i-th of t queries, at position num_keys - t + i, see key j? [t, num_keys]
// bool.
torch::Tensor visibility(int64_t t,
                         int64_t num_keys,
                         std::optional<int64_t> sliding_window,
                         torch::Device device);

}  // namespace retmask
