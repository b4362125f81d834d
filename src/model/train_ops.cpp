#include "train_ops.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <utility>

#include "boxed.h"
#include "cpu_dispatch.h"
#include "cpu_ops.h"
#include "cuda_ops.h"
#include "products.h"
#include "retmask/kernels/row_gradients.h"
#include "retmask/kernels/rows.h"

namespace retmask {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// A backward pass sums its rows in this many parts, whatever the number of threads, so that the sum
// is bit-identical.
constexpr int64_t kParts = 32;
// Elements that justify another thread.
constexpr int64_t kGrainElements = 8192;

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& x,
                               const torch::Tensor& weight,
                               double eps) {
    context->save_for_backward({x, weight});
    context->saved_data["eps"] = eps;
    const torch::Tensor rows = x.contiguous().view({-1, weight.size(0)});
    return cpu_rms_norm(rows, weight, eps).view(x.sizes());
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    const torch::Tensor& weight = saved[1];
    const int64_t width = weight.size(0);
    const torch::Tensor x = saved[0].contiguous().view({-1, width});
    const torch::Tensor dy = grad_outputs[0].contiguous().view({-1, width});
    const torch::Tensor dx = torch::empty_like(x);
    const torch::Tensor dweight = torch::zeros({kParts, width}, torch::kFloat32);
    const int64_t rows = x.size(0);
    const auto eps = static_cast<float>(context->saved_data["eps"].toDouble());
    with_element(x.scalar_type(), [&](auto element) {
      using Element = decltype(element);
      at::parallel_for(0, kParts, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) {
          const int64_t first = part * rows / kParts;
          const int64_t offset = first * width;
          kernels::rms_norm_backward(
              kernels::RmsNormGradient<Element>{
                  .x = {data_of<Element>(x) + offset, width},
                  .weight = data_of<Element>(weight),
                  .dy = {data_of<Element>(dy) + offset, width},
                  .eps = eps,
                  .dx = {mutable_data_of<Element>(dx) + offset, width},
                  .dweight = mutable_data_of<float>(dweight) + part * width},
              (part + 1) * rows / kParts - first,
              width);
        }
      });
    });
    return {dx.view(saved[0].sizes()), dweight.sum(0).to(weight.scalar_type()), {}};
  }
};

class SiluMultiplyFunction : public torch::autograd::Function<SiluMultiplyFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& gate_in,
                               const torch::Tensor& up_in) {
    const torch::Tensor gate = gate_in.contiguous();
    const torch::Tensor up = up_in.contiguous();
    context->save_for_backward({gate, up});
    if (gate.is_cuda()) return cuda_silu_multiply(gate, up);
    torch::Tensor y = torch::empty_like(gate);
    for_elements(gate, [&](auto element, int64_t begin, int64_t count) {
      using Element = decltype(element);
      kernels::silu_multiply(data_of<Element>(gate) + begin,
                             data_of<Element>(up) + begin,
                             count,
                             mutable_data_of<Element>(y) + begin);
    });
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    const torch::Tensor dy = grad_outputs[0].contiguous();
    if (dy.is_cuda()) {
      const SiluGradients gradients = cuda_silu_multiply_backward(saved[0], saved[1], dy);
      return {gradients.dgate, gradients.dup};
    }
    torch::Tensor dgate = torch::empty_like(dy);
    torch::Tensor dup = torch::empty_like(dy);
    for_elements(dy, [&](auto element, int64_t begin, int64_t count) {
      using Element = decltype(element);
      kernels::silu_multiply_backward(
          kernels::SiluMultiplyGradient<Element>{.gate = data_of<Element>(saved[0]) + begin,
                                                 .up = data_of<Element>(saved[1]) + begin,
                                                 .dy = data_of<Element>(dy) + begin,
                                                 .dgate = mutable_data_of<Element>(dgate) + begin,
                                                 .dup = mutable_data_of<Element>(dup) + begin},
          count);
    });
    return {dgate, dup};
  }

 private:
  template <typename Function>
  static void for_elements(const torch::Tensor& like, const Function& function) {
    with_element(like.scalar_type(), [&](auto element) {
      at::parallel_for(0, like.numel(), kGrainElements, [&](int64_t begin, int64_t end) {
        function(element, begin, end - begin);
      });
    });
  }
};

// The same with libtorch, for devices without our kernels. Autograd would keep silu(gate) as well:
// a fourth tensor of the MLP's inner width for every token.
class DeviceSiluMultiply : public torch::autograd::Function<DeviceSiluMultiply> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& gate,
                               const torch::Tensor& up) {
    context->save_for_backward({gate, up});
    return at::silu(gate).mul_(up);
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    const torch::Tensor& dy = grad_outputs[0];
    return {at::silu_backward(dy * saved[1], saved[0]), at::silu(saved[0]).mul_(dy)};
  }
};

// The gradient of a rotation is the inverse rotation.
class RotateFunction : public torch::autograd::Function<RotateFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& x,
                               const torch::Tensor& cos,
                               const torch::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return rotate(x, cos, sin);
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    return {rotate(grad_outputs[0], saved[0], -saved[1]), {}, {}};
  }

 private:
  static torch::Tensor rotate(const torch::Tensor& x_in,
                              const torch::Tensor& cos,
                              const torch::Tensor& sin) {
    const torch::Tensor x = x_in.contiguous();
    if (x.is_cuda()) return cuda_rotate(x, {cos, sin});
    const int64_t heads = x.size(1);
    const int64_t dim = x.size(2);
    torch::Tensor y = torch::empty_like(x);
    with_element(x.scalar_type(), [&](auto element) {
      using Element = decltype(element);
      const int64_t grain = std::max<int64_t>(1, kGrainElements / (heads * dim));
      at::parallel_for(0, x.size(0), grain, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          kernels::rotate(data_of<Element>(x) + t * heads * dim,
                          heads,
                          dim,
                          cos.const_data_ptr<float>() + t * dim / 2,
                          sin.const_data_ptr<float>() + t * dim / 2,
                          mutable_data_of<Element>(y) + t * heads * dim,
                          dim);
        }
      });
    });
    return y;
  }
};

using MakeInput = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

// Inputs: `from`, followed by weight and bias of each product; an absent bias is an empty tensor.
class LinearsFunction : public torch::autograd::Function<LinearsFunction> {
 public:
  static tensor_list forward(AutogradContext* context,
                             const c10::intrusive_ptr<Boxed<MakeInput>>& make_input,
                             int64_t num_from,
                             at::TensorList tensors) {
    context->save_for_backward(tensors.vec());
    context->saved_data["make_input"] = c10::IValue::make_capsule(make_input);
    context->saved_data["num_from"] = num_from;
    const torch::Tensor input = make_input->value(tensors.slice(0, num_from).vec());
    tensor_list outputs;
    for (size_t i = num_from; i < tensors.size(); i += 2) {
      const torch::Tensor bias = tensors[i + 1].numel() > 0 ? tensors[i + 1] : torch::Tensor();
      outputs.push_back(linear_product(input, tensors[i], bias));
    }
    return outputs;
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const MakeInput make_input = value_of<MakeInput>(context->saved_data["make_input"]);
    const auto num_from = static_cast<size_t>(context->saved_data["num_from"].toInt());
    const tensor_list saved = context->get_saved_variables();
    tensor_list from;
    for (size_t i = 0; i < num_from; ++i)
      from.push_back(saved[i].detach().requires_grad_(saved[i].requires_grad()));
    torch::Tensor input;
    {
      const torch::AutoGradMode with_grad(true);
      input = make_input(from);
    }
    const torch::Tensor value = input.detach();
    torch::Tensor dinput;
    tensor_list linear_gradients;
    for (size_t i = 0; i < grad_outputs.size(); ++i) {
      const torch::Tensor& dy = grad_outputs[i];
      const torch::Tensor& weight = saved[num_from + 2 * i];
      const bool has_bias = saved[num_from + 2 * i + 1].numel() > 0;
      linear_gradients.push_back(product(dy.t(), value));
      linear_gradients.push_back(has_bias ? dy.sum(0) : torch::Tensor());
      if (dinput.defined()) {
        add_product(dinput, dy, weight);
      } else {
        dinput = product(dy, weight);
      }
    }
    torch::autograd::backward({input}, {dinput});
    tensor_list gradients(2);  // none for the first two arguments
    for (const torch::Tensor& tensor : from) gradients.push_back(tensor.grad());
    gradients.insert(gradients.end(), linear_gradients.begin(), linear_gradients.end());
    return gradients;
  }
};

struct Segment {
  std::function<torch::Tensor(const torch::Tensor&)> function;
  WeightGatherer* gatherer;
  int64_t part;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& input,
                               const c10::intrusive_ptr<Boxed<Segment>>& held) {
    context->save_for_backward({input});
    context->saved_data["segment"] = c10::IValue::make_capsule(held);
    const torch::NoGradGuard no_grad;
    const Segment& segment = held->value;
    const GatheredPart gathered(segment.gatherer, segment.part, Pass::forward);
    return segment.function(input);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grad_outputs) {
    const Segment segment = value_of<Segment>(context->saved_data["segment"]);
    const torch::Tensor saved = context->get_saved_variables()[0];
    const torch::Tensor input = saved.detach().requires_grad_(saved.requires_grad());
    const torch::AutoGradMode with_grad(true);
    const GatheredPart gathered(segment.gatherer, segment.part, Pass::backward);
    const torch::Tensor output = segment.function(input);
    // Accumulates into the leaves (the parameters); only the gradient of the input is returned.
    torch::autograd::backward({output}, {grad_outputs[0]});
    return {input.grad(), torch::Tensor()};
  }
};

bool has_kernels(const torch::Tensor& x) {
  return x.is_cpu() || (x.is_cuda() && has_cuda_kernels());
}

}  // namespace

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  if (!x.is_cpu()) return at::rms_norm(x, {weight.size(0)}, weight, eps);
  return RmsNormFunction::apply(x, weight, eps);
}

torch::Tensor device_silu_multiply(const torch::Tensor& gate, const torch::Tensor& up) {
  return DeviceSiluMultiply::apply(gate, up);
}

torch::Tensor silu_multiply(const torch::Tensor& gate, const torch::Tensor& up) {
  if (!has_kernels(gate)) return device_silu_multiply(gate, up);
  return SiluMultiplyFunction::apply(gate, up);
}

torch::Tensor rotate_heads(const torch::Tensor& x, const Rotation& rotation) {
  if (!has_kernels(x)) return apply_rotation(x, rotation);
  return RotateFunction::apply(x, rotation.cos, rotation.sin);
}

std::vector<torch::Tensor> linears_of(const std::vector<torch::Tensor>& from,
                                      MakeInput make_input,
                                      const std::vector<LinearWeights>& weights) {
  std::vector<torch::Tensor> tensors = from;
  for (const LinearWeights& linear : weights) {
    tensors.push_back(linear.weight);
    tensors.push_back(linear.bias.defined() ? linear.bias : torch::empty({0}));
  }
  return LinearsFunction::apply(
      box(std::move(make_input)), static_cast<int64_t>(from.size()), at::TensorList(tensors));
}

torch::Tensor recompute_in_backward(std::function<torch::Tensor(const torch::Tensor&)> function,
                                    const torch::Tensor& input,
                                    WeightGatherer* gatherer,
                                    int64_t part) {
  if (!torch::GradMode::is_enabled()) {
    const GatheredPart gathered(gatherer, part, Pass::forward);
    return function(input);
  }
  return Recompute::apply(input, box(Segment{std::move(function), gatherer, part}));
}

}  // namespace retmask
