#include "products.h"

#include <torch/autograd.h>

#include <optional>

#include "retmask/kernels/matmul.h"
#include "retmask/model/language_model.h"

namespace retmask {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

std::optional<torch::Tensor> optional(const torch::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

// An absent bias is an empty tensor: autograd takes no undefined ones.
class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& x,
                               const torch::Tensor& weight,
                               const torch::Tensor& bias) {
    context->save_for_backward({x, weight});
    const bool has_bias = bias.numel() > 0;
    context->saved_data["has_bias"] = has_bias;
    return linear_product(x, weight, has_bias ? bias : torch::Tensor());
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    const torch::Tensor& dy = grad_outputs[0];
    const bool has_bias = context->saved_data["has_bias"].toBool();
    return {
        product(dy, saved[1]), product(dy.t(), saved[0]), has_bias ? dy.sum(0) : torch::Tensor()};
  }
};

}  // namespace

bool widens_products(torch::ScalarType dtype, torch::Device device) {
  return device.is_cpu() && dtype == torch::kBFloat16 && !kernels::multiplies_bfloat16();
}

torch::Tensor widened(const torch::Tensor& factor) {
  if (!factor.defined() || !widens_products(factor.scalar_type(), factor.device())) return factor;
  return factor.to(torch::kFloat32);
}

torch::Tensor product(const torch::Tensor& a, const torch::Tensor& b) {
  return widened(a).mm(widened(b)).to(a.scalar_type());
}

void add_product(torch::Tensor& sum, const torch::Tensor& a, const torch::Tensor& b) {
  if (widens_products(sum.scalar_type(), sum.device())) {
    sum.copy_(widened(a).mm(widened(b)).add_(sum));
  } else {
    sum.addmm_(a, b);
  }
}

torch::Tensor linear_product(const torch::Tensor& x,
                             const torch::Tensor& weight,
                             const torch::Tensor& bias) {
  return at::linear(widened(x), widened(weight), optional(widened(bias))).to(x.scalar_type());
}

torch::Tensor linear_with_gradients(const torch::Tensor& x,
                                    const torch::Tensor& weight,
                                    const torch::Tensor& bias) {
  if (!widens_products(x.scalar_type(), x.device())) return at::linear(x, weight, optional(bias));
  return LinearFunction::apply(x, weight, bias.defined() ? bias : torch::empty({0}));
}

}  // namespace retmask
