#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/device_array.h"
#include "retmask/kernels/cuda/rows.h"

namespace retmask::testing {
namespace {

template <typename Element>
double check_silu(int64_t rows, int64_t width) {
  std::mt19937 random(3);
  const auto size = static_cast<size_t>(rows * width);
  std::vector<Element> gate_up = random_values<Element>(2 * size, random);
  gate_up[0] = to_element<Element>(-100);  // exp overflows
  gate_up[1] = to_element<Element>(100);
  DeviceArray<Element> in(gate_up), out(size);
  kernels::cuda::silu_multiply(in.data(), rows, width, out.data(), nullptr);
  std::vector<double> expected;
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    const Element* gates = gate_up.data() + row * 2 * static_cast<size_t>(width);
    for (int64_t i = 0; i < width; ++i) {
      const double gate = kernels::widen(gates[i]);
      expected.push_back(gate / (1 + std::exp(-gate)) * kernels::widen(gates[width + i]));
    }
  }
  return largest_error(out.values(), expected);
}

template <typename Element>
void add_silu(std::vector<Case>& cases) {
  // Whole vectors of 16 bytes, none, and more than one round of the grid.
  for (const auto& [rows, width] : {std::pair{5, 264}, {3, 77}, {1100, 961}}) {
    cases.push_back(
        {.name = std::string("silu/") + kElementName<Element> + "/" + std::to_string(rows) + "x" +
                 std::to_string(width),
         .tolerance = kTolerance<Element>,
         .run = [rows = rows, width = width] { return check_silu<Element>(rows, width); }});
  }
}

}  // namespace

std::vector<Case> silu_cases() {
  std::vector<Case> cases;
  add_silu<float>(cases);
  add_silu<kernels::BFloat16>(cases);
  return cases;
}

}  // namespace retmask::testing
