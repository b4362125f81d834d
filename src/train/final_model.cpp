#include "final_model.h"

#include "retmask/base/error.h"

namespace retmask::train {
namespace {

// The parameters of all units in order.
class WeightStream {
 public:
  explicit WeightStream(ShardedParameters& parameters) : parameters_(parameters) {}

  // `name` must be the parameter after the previous one.
  torch::Tensor next(const std::string& name) {
    if (!weights_.defined()) weights_ = parameters_.gather(unit_);
    const auto& members = parameters_.unit(unit_).parameters;
    const UnitParameter& member = members[index_];
    RETMASK_CHECK(member.name == name);
    const torch::Tensor weight =
        weights_.narrow(0, member.offset, member.tensor.numel()).view(member.tensor.sizes());
    if (++index_ == members.size()) {
      weights_.reset();
      index_ = 0;
      ++unit_;
    }
    return weight;
  }

 private:
  ShardedParameters& parameters_;
  torch::Tensor weights_;
  size_t unit_ = 0;
  size_t index_ = 0;
};

}  // namespace

void save_final_model(const CausalLm& model,
                      const Checkpoint& source,
                      const std::filesystem::path& dir,
                      TensorType dtype,
                      const SaveOptions& options,
                      ShardedParameters& parameters,
                      const distributed::ProcessGroup& group) {
  const torch::NoGradGuard no_grad;
  if (!group.is_first()) {
    for (size_t i = 0; i < parameters.num_units(); ++i) parameters.gather(i);
    return;
  }
  WeightStream stream(parameters);
  const auto weight_of = [&](const std::string& name) { return stream.next(name); };
  save_model(model, source, dir, dtype, weight_of, options);
}

}  // namespace retmask::train
