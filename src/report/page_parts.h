#pragma once
// The fixed parts of every page.

#include <string_view>

namespace retmask {

extern const std::string_view kPageStyle;
// Shows tooltips; see report/html.h.
extern const std::string_view kPageScript;

}  // namespace retmask
