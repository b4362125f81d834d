#pragma once
// Masks: the attention heads whose output is replaced by a constant, and by which.

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "retmask/base/head.h"

namespace retmask {

enum class MaskMode {
  zero,  // zeros: Eq. 2 of the RetMask paper
  mean,  // the head's mean output over a text: mean ablation, as in section 3 of Wang et al., 2022
         // (arXiv 2211.00593), here one mean for all positions
};

std::string to_string(MaskMode mode);
// `where` names the flag or file in errors. Throws UserError listing the known names.
MaskMode parse_mask_mode(const std::string& name, const std::string& where);

// A policy: no heads is theta itself. A list of heads is a mask of mode zero.
class HeadMask {
 public:
  // What replaces the output of each head, before W_o: head_dim values.
  using Means = std::vector<std::vector<float>>;

  HeadMask() = default;
  HeadMask(std::vector<Head> heads) : heads_(std::move(heads)) {}  // NOLINT: implicit
  HeadMask(std::initializer_list<Head> heads) : heads_(heads) {}
  // Mode mean. `means[i]` belongs to `heads[i]`; no head is listed twice.
  HeadMask(std::vector<Head> heads, Means means);

  const std::vector<Head>& heads() const { return heads_; }
  MaskMode mode() const { return means_ ? MaskMode::mean : MaskMode::zero; }
  // Only in mode mean.
  const Means& means() const;

  bool empty() const { return heads_.empty(); }
  size_t size() const { return heads_.size(); }
  auto begin() const { return heads_.begin(); }
  auto end() const { return heads_.end(); }

  bool operator==(const HeadMask& other) const;
  bool operator<(const HeadMask& other) const;  // any total order, for maps

 private:
  std::vector<Head> heads_;
  std::shared_ptr<const Means> means_;  // shared by the copies; null in mode zero
};

}  // namespace retmask
