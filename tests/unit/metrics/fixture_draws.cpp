#include "fixture_functions.h"
#include "retmask/base/numpy_random.h"
#include "retmask/base/python_random.h"
#include "retmask/metrics/helmet_draws.h"

namespace retmask::testing {
namespace {

using namespace metrics;

uint64_t count_at(const Json& args, const char* key) { return args.at(key).get<uint64_t>(); }

Json operation_json(PythonRandom& random, const Json& operation) {
  const std::string name = text_at(operation, 0);
  if (name == "sample_range") return random.sample(operation.at(1), operation.at(2));
  if (name == "randint") return random.randint(operation.at(1), operation.at(2));
  if (name == "choice_range") return random.below(operation.at(1));
  if (name == "random") return random.uniform();
  if (name == "getrandbits") return random.bits(operation.at(1));
  if (name == "shuffle_range") {
    std::vector<uint64_t> items(operation.at(1).get<size_t>());
    for (size_t i = 0; i < items.size(); ++i) items[i] = i;
    random.shuffle(items);
    return items;
  }
  throw std::runtime_error("unknown operation " + name);
}

Json unseeded_json(const Json& args) {
  UnseededShuffles shuffles(args.at("np_seed").get<uint32_t>());
  Json seeds = Json::array();
  Json heads = Json::array();
  for (uint64_t call = 0; call < count_at(args, "calls"); ++call) {
    seeds.push_back(shuffles.next_seed());
    auto order = numpy_permutation(seeds.back(), count_at(args, "n"));
    order.resize(std::min<size_t>(order.size(), count_at(args, "head")));
    heads.push_back(order);
  }
  return {{"derived_seeds", seeds}, {"heads", heads}};
}

}  // namespace

void add_draw_functions(FixtureFunctions& functions) {
  functions["py_random_u32"] = [](const Json& a) {
    PythonRandom random(count_at(a, "seed"));
    Json drawn = Json::array();
    for (uint64_t i = 0; i < count_at(a, "n"); ++i) drawn.push_back(random.bits(32));
    return drawn;
  };
  functions["py_random_random"] = [](const Json& a) {
    PythonRandom random(count_at(a, "seed"));
    Json drawn = Json::array();
    for (uint64_t i = 0; i < count_at(a, "n"); ++i) drawn.push_back(random.uniform());
    return drawn;
  };
  functions["py_random_ops"] = [](const Json& a) {
    PythonRandom random(count_at(a, "seed"));
    Json results = Json::array();
    for (const Json& operation : a.at("ops")) results.push_back(operation_json(random, operation));
    return results;
  };
  functions["numpy_default_rng_permutation"] = [](const Json& a) {
    return numpy_permutation(count_at(a, "seed"), count_at(a, "n"));
  };
  functions["numpy_default_rng_permutation_head"] = [](const Json& a) {
    auto order = numpy_permutation(count_at(a, "seed"), count_at(a, "n"));
    order.resize(std::min<size_t>(order.size(), count_at(a, "head")));
    return order;
  };
  functions["hf_train_test_split"] = [](const Json& a) {
    const TrainTestSplit split =
        train_test_split(count_at(a, "seed"), count_at(a, "n"), a.at("test_size"));
    return Json({{"test", split.test}, {"train", split.train}});
  };
  functions["hf_unseeded_shuffle"] = unseeded_json;
  functions["helmet_select_keys"] = [](const Json& a) {
    return helmet_select_keys(a.at("keys"), count_at(a, "max_test_samples"), count_at(a, "seed"));
  };
  functions["helmet_alce_demo_indices"] = [](const Json& a) {
    return helmet_alce_demos(count_at(a, "num_examples"),
                             count_at(a, "num_demos"),
                             count_at(a, "shots"),
                             count_at(a, "seed"));
  };
  functions["helmet_icl_label_mapping"] = [](const Json& a) {
    return helmet_label_mapping(count_at(a, "num_labels"), count_at(a, "local_seed"));
  };
  functions["helmet_balance_labels"] = [](const Json& a) {
    return helmet_balanced_rows(a.at("labels"), count_at(a, "shots"), count_at(a, "seed"));
  };
  functions["helmet_demo_seed_sha256"] = [](const Json& a) {
    const Json& key = a.at("key");
    return helmet_row_seed(key.is_string() ? key.get<std::string>() : key.dump());
  };
  functions["helmet_icl_local_seed"] = [](const Json& a) {
    return helmet_row_seed(a.at("text").get<std::string>(), count_at(a, "seed"));
  };
  functions["simple_evals_gpqa_permutations"] = [](const Json& a) {
    return gpqa_permutations(count_at(a, "n"), count_at(a, "seed"));
  };
}

}  // namespace retmask::testing
