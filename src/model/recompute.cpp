#include "recompute.h"

#include <utility>

#include "boxed.h"

namespace retmask {
namespace {

using Function = std::function<torch::Tensor(const torch::Tensor&)>;

struct Segment {
  Function function;
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

}  // namespace

torch::Tensor recompute_in_backward(Function function,
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
