#include "retmask/model/head_mask.h"

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

constexpr EnumNames<MaskMode, 2> kMaskModeNames{
    {{{MaskMode::zero, "zero"}, {MaskMode::mean, "mean"}}}};

}  // namespace

std::string to_string(MaskMode mode) { return kMaskModeNames.name_of(mode); }

MaskMode parse_mask_mode(const std::string& name, const std::string& where) {
  return kMaskModeNames.parse(where, name);
}

HeadMask::HeadMask(std::vector<Head> heads, Means means)
    : heads_(std::move(heads)), means_(std::make_shared<const Means>(std::move(means))) {
  RETMASK_CHECK(means_->size() == heads_.size());
  // Without heads both modes are theta.
  if (heads_.empty()) means_ = nullptr;
}

const HeadMask::Means& HeadMask::means() const {
  RETMASK_CHECK(means_ != nullptr, "a mask of mode zero has no means");
  return *means_;
}

bool HeadMask::operator==(const HeadMask& other) const {
  if (heads_ != other.heads_ || mode() != other.mode()) return false;
  return means_ == other.means_ || *means_ == *other.means_;
}

bool HeadMask::operator<(const HeadMask& other) const {
  if (heads_ != other.heads_) return heads_ < other.heads_;
  if (mode() != other.mode()) return mode() == MaskMode::zero;
  return means_ != other.means_ && *means_ < *other.means_;
}

}  // namespace retmask
