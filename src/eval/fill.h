#pragma once
// How much filler text makes a prompt of a given length.

#include <cstdint>
#include <functional>

namespace retmask::eval {

// The largest size, at least `smallest` and at most `largest`, at which a prompt has at most
// `limit` tokens; -1 if there is none. `tokens_at` counts the tokens of the prompt of a size; the
// larger the size, the more. It is called about ten times.
int64_t largest_fitting(int64_t smallest,
                        int64_t largest,
                        int64_t limit,
                        const std::function<int64_t(int64_t size)>& tokens_at);

}  // namespace retmask::eval
