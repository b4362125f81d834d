#pragma once
// Reproducible values around 0 for kernel tests.

#include <string>

#include "guarded.h"
#include "retmask/base/random.h"
#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels::testing {

template <typename Element>
Guarded<Element> random_values(int64_t count, const std::string& name) {
  RandomStream random(1, name);
  Guarded<Element> values(static_cast<size_t>(count));
  for (Element& value : values) narrow(static_cast<float>(2 * random.uniform() - 1), value);
  return values;
}

// Allowed error of a sum of products, relative to its size.
template <typename Element>
constexpr double kTolerance = sizeof(Element) == 2 ? 1e-2 : 1e-5;

}  // namespace retmask::kernels::testing
