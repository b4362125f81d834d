#include "retmask/train/options.h"
#include "unit/support/expect_user_error.h"

namespace retmask::train {
namespace {

TEST(TrainOptions, DefaultsAreThePapersAndValid) {
  const Options options;
  options.validate();
  EXPECT_EQ(options.epochs, 2);
  EXPECT_EQ(options.global_batch_size, 512);
  EXPECT_EQ(options.beta, 0.1);
  EXPECT_EQ(options.learning_rate, 5e-7);
  EXPECT_EQ(options.min_learning_rate, 5e-8);
  EXPECT_EQ(options.weight_decay, 0.1);
  EXPECT_EQ(options.adam_beta2, 0.95);
}

TEST(TrainOptions, EachBadValueIsNamed) {
  const auto expect_bad = [](const char* flag, const std::function<void(Options&)>& spoil) {
    Options options;
    spoil(options);
    expect_user_error([&] { options.validate(); }, {flag});
  };
  expect_bad("--beta", [](auto& o) { o.beta = 0; });
  expect_bad("--beta", [](auto& o) { o.beta = std::nan(""); });
  expect_bad("--label-smoothing", [](auto& o) { o.label_smoothing = 0.5; });
  expect_bad("--label-smoothing", [](auto& o) {
    o.label_smoothing = 0.1;
    o.loss = LossKind::ipo;
  });
  expect_bad("--length-normalize", [](auto& o) {
    o.length_normalize = true;
    o.loss = LossKind::ipo;
  });
  const auto with_reference_truncation = [&](const std::function<void(Options&)>& spoil) {
    expect_bad("--reference-truncation", [&](auto& o) {
      o.reference_truncation = true;
      spoil(o);
    });
  };
  with_reference_truncation([](auto& o) { o.loss = LossKind::sft; });
  with_reference_truncation([](auto& o) { o.max_length = 100; });
  with_reference_truncation([](auto& o) { o.long_rows = LongRows::drop; });
  expect_bad("--eval-every", [](auto& o) { o.eval_every = -1; });
  expect_bad("--save-minutes", [](auto& o) { o.save_minutes = -0.5; });
  expect_bad("--epochs", [](auto& o) { o.epochs = 0; });
  expect_bad("--max-steps", [](auto& o) { o.max_steps = -1; });
  expect_bad("--global-batch-size", [](auto& o) { o.global_batch_size = 0; });
  expect_bad("--micro-batch-tokens", [](auto& o) { o.micro_batch_tokens = 0; });
  expect_bad("--max-length", [](auto& o) { o.max_length = 1; });
  expect_bad("--learning-rate", [](auto& o) { o.learning_rate = -1e-6; });
  expect_bad("--min-learning-rate", [](auto& o) { o.min_learning_rate = 1; });
  expect_bad("--warmup-ratio", [](auto& o) { o.warmup_ratio = 1; });
  expect_bad("--weight-decay", [](auto& o) { o.weight_decay = -0.1; });
  expect_bad("--adam-beta1", [](auto& o) { o.adam_beta1 = 1; });
  expect_bad("--adam-beta2", [](auto& o) { o.adam_beta2 = -0.1; });
  expect_bad("--adam-eps", [](auto& o) { o.adam_eps = 0; });
  expect_bad("--max-grad-norm", [](auto& o) { o.max_grad_norm = -1; });
  expect_bad("--save-every", [](auto& o) { o.save_every = -1; });
  expect_bad("--keep-last", [](auto& o) { o.keep_last = 0; });
}

TEST(TrainOptions, NamesGoBothWays) {
  for (const char* name : {"dpo", "sft", "ipo"}) EXPECT_EQ(to_string(parse_loss_kind(name)), name);
  for (const char* name : {"error", "drop", "truncate"}) {
    EXPECT_EQ(to_string(parse_long_rows(name)), name);
  }
  expect_user_error([] { parse_loss_kind("kto"); }, {"--loss", "kto", "dpo, sft, ipo"});
  expect_user_error([] { parse_long_rows("keep"); }, {"--long-rows", "keep"});
}

TEST(TrainOptions, IdentityChangesWithWhatChangesTheResultAlone) {
  const Options options;
  Options other = options;
  other.save_every = 7;
  other.keep_last = 3;
  other.save_minutes = 1;
  other.eval_every = 5;
  EXPECT_EQ(options.identity(), other.identity());
  const auto expect_other = [&](const std::function<void(Options&)>& change) {
    Options changed = options;
    change(changed);
    EXPECT_NE(options.identity(), changed.identity());
  };
  expect_other([](auto& o) { o.seed = 1; });
  expect_other([](auto& o) { o.length_normalize = true; });
  expect_other([](auto& o) { o.reference_truncation = true; });
}

}  // namespace
}  // namespace retmask::train
