#include "retmask/model/recompute.h"

#include <utility>

namespace retmask {
namespace {

using Function = std::function<torch::Tensor(const torch::Tensor&)>;

// Carries the function through autograd's saved state, which holds only IValues.
struct FunctionHolder : torch::CustomClassHolder {
  FunctionHolder(Function held, WeightLender* its_lender, int64_t its_part)
      : function(std::move(held)), lender(its_lender), part(its_part) {}
  Function function;
  WeightLender* lender;
  int64_t part;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& input,
                               const c10::intrusive_ptr<FunctionHolder>& holder) {
    context->save_for_backward({input});
    context->saved_data["function"] = c10::IValue::make_capsule(holder);
    const torch::NoGradGuard no_grad;
    const LentPart lent(holder->lender, holder->part, Pass::forward);
    return holder->function(input);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grad_outputs) {
    const auto holder = c10::static_intrusive_pointer_cast<FunctionHolder>(
        context->saved_data["function"].toCapsule());
    const torch::Tensor saved = context->get_saved_variables()[0];
    const torch::Tensor input = saved.detach().requires_grad_(saved.requires_grad());
    const torch::AutoGradMode with_grad(true);
    const LentPart lent(holder->lender, holder->part, Pass::backward);
    const torch::Tensor output = holder->function(input);
    // Accumulates into the leaves (the parameters) by itself; only the input's gradient is handed
    // on.
    torch::autograd::backward({output}, {grad_outputs[0]});
    return {input.grad(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor recompute_in_backward(Function function,
                                    const torch::Tensor& input,
                                    WeightLender* lender,
                                    int64_t part) {
  if (!torch::GradMode::is_enabled()) {
    const LentPart lent(lender, part, Pass::forward);
    return function(input);
  }
  return Recompute::apply(input,
                          c10::make_intrusive<FunctionHolder>(std::move(function), lender, part));
}

}  // namespace retmask
