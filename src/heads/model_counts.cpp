#include "model_counts.h"

#include "retmask/base/error.h"

namespace retmask {
namespace {

// A count of the model and who told it.
struct ToldCount {
  int64_t count;
  std::string by;
};

// Head counts collected from the files and the model, which must agree.
class KnownCounts {
 public:
  void add(const NamedHeadList& named) {
    const std::optional<HeadGrid>& grid = named.list.grid;
    if (!grid) return;
    tell(layers_, grid->layers, " layers", named.name);
    if (named.list.of_kv_heads) {
      tell(kv_heads_, grid->heads, kKvHeads, named.name);
    } else {
      tell(heads_, grid->heads, kHeads, named.name);
    }
  }

  void add(const ModelHeads& model) {
    if (model.layers) tell(layers_, *model.layers, " layers", "--model");
    if (model.heads) tell(heads_, *model.heads, kHeads, "--model");
    if (model.kv_heads) tell(kv_heads_, *model.kv_heads, kKvHeads, "--model");
  }

  ModelHeads counts() const {
    const auto count = [](const std::optional<ToldCount>& known) {
      return known ? std::optional(known->count) : std::nullopt;
    };
    return {.layers = count(layers_), .heads = count(heads_), .kv_heads = count(kv_heads_)};
  }

 private:
  static constexpr const char* kHeads = " heads per layer";
  static constexpr const char* kKvHeads = " key/value heads per layer";

  static void tell(std::optional<ToldCount>& known,
                   int64_t count,
                   const char* what,
                   const std::string& by) {
    if (!known) known = {count, by};
    if (known->count == count) return;
    user_error(by,
               " is for a model with ",
               count,
               what,
               ", ",
               known->by,
               " for one with ",
               known->count,
               "; only heads of one model can be compared");
  }

  std::optional<ToldCount> layers_;
  std::optional<ToldCount> heads_;
  std::optional<ToldCount> kv_heads_;
};

}  // namespace

std::optional<HeadGrid> grid_of(const ModelHeads& model, bool of_kv_heads) {
  const std::optional<int64_t>& heads = of_kv_heads ? model.kv_heads : model.heads;
  if (!model.layers || !heads) return std::nullopt;
  return HeadGrid{*model.layers, *heads};
}

ModelHeads collect_counts(const std::vector<NamedHeadList>& lists, const CompareOptions& options) {
  KnownCounts known;
  if (options.model) known.add(*options.model);
  for (const NamedHeadList& named : lists) known.add(named);
  if (options.mask) known.add(*options.mask);
  const ModelHeads model = known.counts();
  if (model.heads && model.kv_heads && *model.heads % *model.kv_heads != 0) {
    user_error("a model with ",
               *model.heads,
               " heads per layer cannot have ",
               *model.kv_heads,
               " key/value heads, which must divide them; are the files of one model?");
  }
  const auto check = [&](const NamedHeadList& named) {
    if (const auto grid = grid_of(model, named.list.of_kv_heads))
      check_within(named.list, *grid, named.name);
  };
  for (const NamedHeadList& named : lists) check(named);
  if (options.mask) check(*options.mask);
  return model;
}

HeadList at_level(const NamedHeadList& named, bool of_kv_heads, const ModelHeads& model) {
  const HeadList& list = named.list;
  if (list.of_kv_heads == of_kv_heads) return list;
  if (!model.heads || !model.kv_heads) {
    user_error(named.name,
               list.of_kv_heads ? " has key/value heads" : " has query heads",
               " and another file ",
               of_kv_heads ? "key/value heads" : "query heads",
               "; how many query heads share a key/value head is in none of the files: give the "
               "model's folder as --model");
  }
  return of_kv_heads ? to_kv_heads(list, *model.heads, *model.kv_heads)
                     : to_query_heads(list, *model.heads, *model.kv_heads);
}

}  // namespace retmask
