#include "steps.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

TEST(Metrics, MeansOverThePairs) {
  StepMetrics metrics{.step = 3,
                      .pairs = {.rows = 4,
                                .loss = 0.5,
                                .rewards = {.chosen = 2, .rejected = -1, .right = 3},
                                .has_rewards = true},
                      .grad_norm = 1.5,
                      .learning_rate = 1e-6,
                      .tokens = 100,
                      .seconds = 2,
                      .utilization = 0.25,
                      .memory_bytes = 1000};
  EXPECT_EQ(metrics.to_json(),
            Json({{"step", 3},
                  {"loss", 0.5},
                  {"rewards_chosen", 0.5},
                  {"rewards_rejected", -0.25},
                  {"accuracy", 0.75},
                  {"margin", 0.75},
                  {"grad_norm", 1.5},
                  {"lr", 1e-6},
                  {"tokens", 100},
                  {"tokens_per_second", 50.0},
                  {"model_flops_utilization", 0.25},
                  {"memory_bytes", 1000}}));
  metrics.pairs.has_rewards = false;
  EXPECT_TRUE(metrics.to_json().at("margin").is_null());
}

TEST(Metrics, RowsBehindTheCheckpointAreDropped) {
  const testing::TempDir folder;
  const auto path = folder / "metrics.jsonl";
  {
    const auto journal = open_metrics(path, 0);
    for (int step = 1; step <= 5; ++step) journal->append({{"step", step}});
  }
  EXPECT_EQ(open_metrics(path, 3)->rows().size(), 3u);
  const auto rows = read_json_lines(path, "metrics");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows.back().at("step"), 3);
  expect_user_error([&] { open_metrics(path, 4); }, {"3 rows", "step 4"});
}

}  // namespace
}  // namespace retmask::train
