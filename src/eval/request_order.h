#pragma once
// The order in which prompts are answered.

#include <cstdint>
#include <span>
#include <vector>

namespace retmask::eval {

// Indices of `prompts`: those that begin alike follow each other, so that the engine can compute
// what they share once, and groups with the longest prompts come first, so that none of them is
// left running alone at the end. Prompts belong to a group if they share at least `shared` tokens
// with the one before.
std::vector<size_t> request_order(const std::vector<std::span<const int64_t>>& prompts,
                                  size_t shared = 256);

}  // namespace retmask::eval
