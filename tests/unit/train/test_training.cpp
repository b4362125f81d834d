#include <torch/cuda.h>

#include <cmath>

#include "retmask/checkpoint/safetensors.h"
#include "tiny_run.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

std::span<const float> floats_of(const SafetensorsFile& file, const std::string& name) {
  const auto bytes = file.bytes(name);
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

// || ours - TRL's || / || TRL's - untrained || over the elements in the golden file.
double weight_difference(const SafetensorsFile& ours,
                         const SafetensorsFile& untrained,
                         const SafetensorsFile& trl,
                         size_t stride) {
  double difference = 0;
  double update = 0;
  for (const auto& [name, spec] : trl.tensors()) {
    const auto expected = floats_of(trl, name);
    for (size_t i = 0; i < expected.size(); ++i) {
      difference += std::pow(floats_of(ours, name)[i * stride] - expected[i], 2);
      update += std::pow(floats_of(untrained, name)[i * stride] - expected[i], 2);
    }
  }
  return std::sqrt(difference / update);
}

struct GoldenRun {
  std::string family;
  std::string loss;
};

class TrlGolden : public ::testing::TestWithParam<GoldenRun> {};

// Compares a golden step with a row of metrics.jsonl or eval_metrics.jsonl.
void expect_figures(const Json& row, const Json& golden, const std::vector<std::string>& keys) {
  for (const auto& key : keys) {
    if (!golden.contains(key)) {  // sft has no rewards
      EXPECT_TRUE(row.at(key).is_null()) << key;
      continue;
    }
    const double expected = golden.at(key);
    // Before the first update every pair is a tie and rounding decides; test_objective.cpp has
    // ties.
    if (key == "accuracy" && golden.at("margin") == 0.0) continue;
    EXPECT_NEAR(row.at(key).get<double>(), expected, 1e-3 * std::abs(expected) + 2e-5)
        << key << " of step " << golden.at("step");
  }
}

TEST_P(TrlGolden, StepsAndWeights) {
  const auto& [family, loss] = GetParam();
  const std::string name = family + "_" + loss;
  const Json golden = read_json_file(kGolden / "dpo" / ("steps_" + name + ".json"), "golden file");
  const Json& trl_options = golden.at("options");
  Options options;
  options.length_normalize = loss.ends_with("_norm");
  options.loss = parse_loss_kind(loss.substr(0, loss.find('_')));
  options.beta = trl_options.at("beta");
  options.max_steps = trl_options.at("max_steps");
  options.global_batch_size = trl_options.at("global_batch_size");
  options.learning_rate = trl_options.at("learning_rate");
  options.min_learning_rate = trl_options.at("min_learning_rate");
  options.micro_batch_tokens = 250;
  options.shuffle = false;
  const testing::TempDir folder;
  TinyRun run{.family = family, .examples = golden_examples(options.loss)};
  // The last step's rows, evaluated before that step: TRL's figures of the step.
  const auto batch = options.global_batch_size;
  const auto first = static_cast<int64_t>((options.max_steps - 1) * batch) %
                     static_cast<int64_t>(run.examples.size());
  run.held_out = {run.examples.begin() + first, run.examples.begin() + first + batch};
  options.eval_every = options.max_steps - 1;
  run(folder / "out", options);

  const auto steps = metrics_of(folder / "out");
  ASSERT_EQ(steps.size(), golden.at("steps").size());
  const std::vector<std::string> figures{
      "loss", "rewards_chosen", "rewards_rejected", "accuracy", "margin"};
  for (size_t i = 0; i < steps.size(); ++i) {
    const Json& expected = golden.at("steps")[i];
    expect_figures(steps[i], expected, figures);
    expect_figures(steps[i], expected, {"grad_norm", "lr", "step"});
  }
  const auto held_out = read_json_lines(folder / "out/eval_metrics.jsonl", "metrics");
  ASSERT_EQ(held_out.size(), 3u);
  EXPECT_EQ(held_out[1].at("step"), options.max_steps - 1);
  expect_figures(held_out[1], golden.at("steps").back(), figures);
  if (loss == "dpo") {
    EXPECT_NEAR(steps[0].at("loss").get<double>(), std::log(2.0), 1e-5);
  }

  const double difference =
      weight_difference(SafetensorsFile(folder / "out/model.safetensors"),
                        SafetensorsFile(kGolden / "tiny" / family / "model.safetensors"),
                        SafetensorsFile(kGolden / "dpo" / ("weights_" + name + ".safetensors")),
                        golden.at("weight_stride"));
  RecordProperty("weight_difference", std::to_string(difference));
  EXPECT_LT(difference, 0.01);
}

INSTANTIATE_TEST_SUITE_P(Tiny,
                         TrlGolden,
                         ::testing::Values(GoldenRun{"llama", "dpo"},
                                           GoldenRun{"llama", "dpo_norm"},
                                           GoldenRun{"llama", "ipo"},
                                           GoldenRun{"llama", "sft"},
                                           GoldenRun{"qwen3", "dpo"},
                                           GoldenRun{"olmo3", "dpo"}),
                         [](const auto& run) { return run.param.family + run.param.loss; });

TEST(Training, DecaysWhatTransformersDecays) {
  for (const char* family : {"llama", "qwen3", "olmo3"}) {
    const std::string file = std::string("steps_") + family + "_dpo.json";
    const Json golden = read_json_file(kGolden / "dpo" / file, "golden file");
    const Checkpoint checkpoint(kGolden / "tiny" / family);
    std::vector<std::string> decayed;
    for (const auto& [name, parameter] :
         CausalLm::without_weights(
             checkpoint, read_model_config(checkpoint), torch::kCPU, torch::kFloat32)
             .parameters()) {
      if (parameter.dim() > 1) decayed.push_back(name);
    }
    auto expected = golden.at("decayed").get<std::vector<std::string>>();
    if (checkpoint.config().at("tie_word_embeddings")) std::erase(expected, "lm_head.weight");
    std::sort(decayed.begin(), decayed.end());
    EXPECT_EQ(decayed, expected) << family;
  }
}

// Resets a finished folder to its last checkpoint, as a kill right before the end would.
void expect_resumed_equals_undisturbed(const TinyRun& run, const Options& options) {
  const testing::TempDir folder;
  run(folder / "undisturbed", options);
  run(folder / "stopped", options);
  fs::remove(folder / "stopped/training.json");
  fs::remove(folder / "stopped/model.safetensors");
  run(folder / "stopped", options);
  EXPECT_EQ(without_timing(metrics_of(folder / "stopped")),
            without_timing(metrics_of(folder / "undisturbed")));
  EXPECT_EQ(model_bytes(folder / "stopped"), model_bytes(folder / "undisturbed"));
}

TEST(Training, AResumedRunIsBitIdentical) {
  Options options = short_options();
  options.save_every = 2;
  expect_resumed_equals_undisturbed(TinyRun{}, options);
}

TEST(Training, AResumedBfloat16RunIsBitIdentical) {
  Options options = short_options();
  options.save_every = 4;
  options.activation_checkpointing = ActivationCheckpointing::full;
  expect_resumed_equals_undisturbed(TinyRun{.dtype = torch::kBFloat16}, options);
}

TEST(Training, WithoutACheckpointAStoppedRunStartsAnew) {
  Options options = short_options();
  options.save_every = 0;
  expect_resumed_equals_undisturbed(TinyRun{}, options);
}

TEST(Training, BatchesMayBeCutAnyWay) {
  const testing::TempDir folder;
  Options options = short_options();
  TinyRun{}(folder / "small", options);
  options.micro_batch_tokens = 100000;
  options.activation_checkpointing = ActivationCheckpointing::full;
  TinyRun{}(folder / "large", options);
  const auto small = metrics_of(folder / "small");
  const auto large = metrics_of(folder / "large");
  for (size_t i = 0; i < small.size(); ++i) {
    EXPECT_NEAR(small[i].at("loss").get<double>(), large[i].at("loss").get<double>(), 1e-4);
    EXPECT_EQ(small[i].at("tokens"), large[i].at("tokens"));
  }
}

TEST(Training, Bfloat16WithMastersFollowsFloat32) {
  const testing::TempDir folder;
  const Options options = short_options();
  TinyRun{}(folder / "exact", options);
  TinyRun{.dtype = torch::kBFloat16}(folder / "rounded", options);
  const auto exact = metrics_of(folder / "exact");
  const auto rounded = metrics_of(folder / "rounded");
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(exact[i].at("loss").get<double>(), rounded[i].at("loss").get<double>(), 0.03);
  }
  // Saved from the float32 master weights: not every weight is representable in bfloat16.
  const SafetensorsFile saved(folder / "rounded/model.safetensors");
  const auto weights = floats_of(saved, "model.layers.0.mlp.up_proj.weight");
  EXPECT_TRUE(std::any_of(weights.begin(), weights.end(), [](float weight) {
    return weight != static_cast<float>(c10::BFloat16(weight));
  }));
}

TEST(Training, AGpuFollowsTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const testing::TempDir folder;
  Options options = short_options();
  TinyRun{}(folder / "cpu", options);
  const auto cpu = metrics_of(folder / "cpu");
  for (const int64_t stage : {1, 3}) {
    for (const auto& [dtype, tolerance] :
         {std::pair(torch::kFloat32, 1e-3), std::pair(torch::kBFloat16, 0.03)}) {
      options.zero_stage = stage;
      const fs::path out = folder / (c10::toString(dtype) + std::to_string(stage));
      TinyRun{.dtype = dtype, .device = torch::kCUDA}(out, options);
      const auto gpu = metrics_of(out);
      for (size_t i = 0; i < cpu.size(); ++i) {
        EXPECT_NEAR(gpu[i].at("loss").get<double>(), cpu[i].at("loss").get<double>(), tolerance)
            << out << ", step " << i + 1;
      }
    }
  }
}

TEST(Training, AFinishedRunIsNotRepeated) {
  const testing::TempDir folder;
  Options options = short_options();
  const Result first = TinyRun{}(folder / "out", options);
  const auto written = fs::last_write_time(folder / "out/model.safetensors");
  const Result second = TinyRun{}(folder / "out", options);
  EXPECT_EQ(first.steps, 6);
  EXPECT_EQ(second.last_step, first.last_step);
  EXPECT_EQ(fs::last_write_time(folder / "out/model.safetensors"), written);
  options.beta = 0.2;
  expect_user_error([&] { TinyRun{}(folder / "out", options); }, {"beta was 0.1 and is 0.2"});
}

TEST(Training, TheReferenceIsComputedOnce) {
  const testing::TempDir folder;
  Options options = short_options();
  options.save_every = 0;
  TinyRun{}(folder / "out", options);
  const fs::path cache = folder / "out/reference_logprobs.jsonl";
  // A marker in the cache shows whether it is used.
  auto rows = read_json_lines(cache, "cache");
  rows[1]["chosen"][0] = rows[1]["chosen"][0].get<double>() + 50;
  write_json_lines(cache, rows);
  fs::remove(folder / "out/training.json");
  TinyRun{}(folder / "out", options);
  EXPECT_EQ(read_json_lines(cache, "cache"), rows);
  // Half of it is enough to resume; another key invalidates it.
  const auto untouched = read_json_lines(cache, "cache");
  rows.resize(3);
  write_json_lines(cache, rows);
  fs::remove(folder / "out/training.json");
  TinyRun{}(folder / "out", options);
  EXPECT_EQ(read_json_lines(cache, "cache"), untouched);
  rows[0]["key"] = "other";
  write_json_lines(cache, rows);
  fs::remove(folder / "out/training.json");
  TinyRun{}(folder / "out", options);
  EXPECT_NE(read_json_lines(cache, "cache")[1], untouched[1]);
}

TEST(Training, ANonFiniteLossNamesTheRowAndKeepsTheWeights) {
  const testing::TempDir folder;
  Options options = short_options();
  options.learning_rate = 1e30;
  options.save_every = 1;
  expect_user_error([&] { TinyRun{}(folder / "out", options); },
                    {"step ", "pairs32.jsonl:", "not finite"});
  EXPECT_FALSE(fs::exists(folder / "out/model.safetensors"));
  EXPECT_FALSE(fs::exists(folder / "out/training.json"));
}

TEST(Training, TheModelsOwnFolderIsNotOverwritten) {
  const testing::TempDir folder;
  fs::copy(kGolden / "tiny/llama", folder / "model");
  const Checkpoint checkpoint(folder / "model");
  expect_user_error(
      [&] {
        run({.checkpoint = checkpoint,
             .model = CausalLm::load(checkpoint, torch::kCPU, torch::kFloat32),
             .examples = golden_examples(LossKind::dpo),
             .out = folder / "model"},
            short_options());
      },
      {"own folder"});
}

}  // namespace
}  // namespace retmask::train
