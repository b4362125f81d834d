#include "gpu/kernel_check/cases.h"
#include "gpu/kernel_check/device_array.h"
#include "retmask/kernels/cuda/silu.h"

namespace retmask::testing {
namespace {

constexpr double kExtreme = 100;  // exp overflows

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Rows of gate and then up, as one product makes them.
template <typename Element>
double check_silu(int64_t rows, int64_t width) {
  std::mt19937 random(3);
  const auto size = static_cast<size_t>(rows * width);
  std::vector<Element> gate_up = random_values<Element>(2 * size, random);
  gate_up[0] = to_element<Element>(-kExtreme);
  gate_up[1] = to_element<Element>(kExtreme);
  DeviceArray<Element> in(gate_up), out(size);
  kernels::cuda::silu_multiply(kernels::cuda::SiluMultiply<Element>{.gate = in.data(),
                                                                    .up = in.data() + width,
                                                                    .stride = 2 * width,
                                                                    .rows = rows,
                                                                    .width = width,
                                                                    .out = out.data()},
                               nullptr);
  std::vector<double> expected;
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    const Element* gates = gate_up.data() + row * 2 * static_cast<size_t>(width);
    for (int64_t i = 0; i < width; ++i) {
      const double gate = kernels::widen(gates[i]);
      expected.push_back(gate * sigmoid(gate) * kernels::widen(gates[width + i]));
    }
  }
  return largest_error(out.values(), expected);
}

template <typename Element>
double check_silu_backward(int64_t count) {
  std::mt19937 random(4);
  const auto size = static_cast<size_t>(count);
  std::vector<Element> gate = random_values<Element>(size, random);
  gate[0] = to_element<Element>(-kExtreme);
  gate[1] = to_element<Element>(kExtreme);
  const auto up = random_values<Element>(size, random);
  const auto dy = random_values<Element>(size, random);
  DeviceArray<Element> gpu_gate(gate), gpu_up(up), gpu_dy(dy), dgate(size), dup(size);
  kernels::cuda::silu_multiply_backward(
      kernels::SiluMultiplyGradient<Element>{.gate = gpu_gate.data(),
                                             .up = gpu_up.data(),
                                             .dy = gpu_dy.data(),
                                             .dgate = dgate.data(),
                                             .dup = dup.data()},
      count,
      nullptr);
  std::vector<double> expected_dgate, expected_dup;
  for (size_t i = 0; i < size; ++i) {
    const double g = kernels::widen(gate[i]);
    const double d = kernels::widen(dy[i]);
    const double s = sigmoid(g);
    expected_dgate.push_back(d * kernels::widen(up[i]) * s * (1 + g * (1 - s)));
    expected_dup.push_back(d * g * s);
  }
  return std::max(largest_error(dgate.values(), expected_dgate),
                  largest_error(dup.values(), expected_dup));
}

template <typename Element>
void add_silu(std::vector<Case>& cases) {
  // Whole vectors of 16 bytes, none, and more than one round of the grid.
  for (const auto& [rows, width] : {std::pair{5, 264}, {3, 77}, {1100, 961}}) {
    const std::string size = std::to_string(rows) + "x" + std::to_string(width);
    const std::string name = std::string(kElementName<Element>) + "/" + size;
    cases.push_back(
        {.name = "silu/" + name,
         .tolerance = kTolerance<Element>,
         .run = [rows = rows, width = width] { return check_silu<Element>(rows, width); }});
    cases.push_back(
        {.name = "silu_backward/" + name,
         .tolerance = kTolerance<Element>,
         .run = [count = rows * width] { return check_silu_backward<Element>(count); }});
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
