#include "retmask/detect/verify.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/base/random.h"
#include "retmask/engine/generator.h"
#include "verify_curve.h"
#include "verify_policies.h"
#include "verify_rows.h"

namespace retmask::detect {
namespace {

constexpr EnumNames<Pick, 2> kPickNames{{{{Pick::k, "k"}, {Pick::threshold, "threshold"}}}};

constexpr int64_t kQuestionTokens = 24;  // longest answer to a question

// The samples to use, in the order of the grid.
std::vector<size_t> drawn_samples(size_t available, const VerifyOptions& options) {
  std::vector<size_t> order(available);
  std::iota(order.begin(), order.end(), 0);
  const auto wanted = static_cast<size_t>(options.samples);
  if (wanted == 0 || wanted >= available) return order;
  RandomStream random(options.seed, "verify samples");
  shuffle(order, random);
  order.resize(wanted);
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<VerifyItem> verify_items(const std::vector<niah::Sample>& samples,
                                     const ChatEncoder& encoder,
                                     const VerifyOptions& options) {
  std::vector<VerifyItem> items;
  for (const size_t index : drawn_samples(samples.size(), options))
    items.push_back({.sample = &samples[index]});
  for (const ControlQuestion& question : control_questions()) {
    items.push_back({.question = &question,
                     .prompt = encoder.encode(user_message(std::string(question.question)))});
  }
  return items;
}

// Masks of one kind run together: the layers below the lowest masked one of a batch are computed
// once for all its masks, and a single random mask would leave none of them.
constexpr std::array<std::array<std::string_view, 2>, 3> kFamilies = {
    {{"none", "retrieval"}, {"random", ""}, {"bottom", ""}}};

// An item with the policies under which it is still to be answered.
struct Asked {
  size_t item;
  std::vector<size_t> policies;
};

std::vector<Asked> waiting_items(const std::vector<VerifyPolicy>& policies,
                                 const std::vector<VerifyItem>& items,
                                 const VerifyRows& rows) {
  std::vector<Asked> waiting;
  for (const auto& family : kFamilies) {
    for (size_t i = 0; i < items.size(); ++i) {
      Asked asked{.item = i, .policies = {}};
      for (size_t p = 0; p < policies.size(); ++p) {
        const bool belongs = std::ranges::find(family, policies[p].mask) != family.end();
        if (belongs && !rows.is_finished(p, i)) asked.policies.push_back(p);
      }
      if (!asked.policies.empty()) waiting.push_back(std::move(asked));
    }
  }
  return waiting;
}

// Continuations by policy: the answer and, for a sample, its needle forced.
GenerationRequest request_of(const VerifyItem& item,
                             const Asked& asked,
                             const std::vector<VerifyPolicy>& policies,
                             const Subject& subject,
                             const VerifyOptions& options) {
  GenerationRequest request;
  request.prompt = item.sample != nullptr ? item.sample->prompt : item.prompt;
  request.stop_ids = subject.eos_token_ids;
  request.max_new_tokens = kQuestionTokens;
  request.continuations.clear();
  for (const size_t p : asked.policies) {
    request.continuations.push_back({.masked_heads = policies[p].heads});
    if (item.sample == nullptr) continue;
    request.continuations.push_back(
        {.masked_heads = policies[p].heads, .forced_tokens = item.sample->needle_tokens});
  }
  if (item.sample == nullptr) return request;
  const auto needle = static_cast<int64_t>(item.sample->needle_tokens.size());
  request.max_new_tokens = std::max(options.max_new_tokens, needle);
  if (needle > options.max_new_tokens) {
    request.stop_rule = [limit = static_cast<size_t>(options.max_new_tokens)](const auto& tokens) {
      return tokens.size() >= limit;
    };
  }
  return request;
}

double mean_logprob(const GenerationResult& result) {
  return result.sum_logprob() / static_cast<double>(result.tokens.size());
}

Json judged(const VerifyItem& item, const GenerationResult& result, const Tokenizer& tokenizer) {
  const std::string answer = tokenizer.decode(result.tokens, /*skip_special_tokens=*/true);
  const bool right = item.sample != nullptr ? niah::judge(*item.sample, answer).right
                                            : is_right(*item.question, answer);
  return {{"right", right}, {"answer", answer}};
}

VerifyDraw count(size_t policy,
                 const std::vector<Head>& heads,
                 const std::vector<VerifyItem>& items,
                 const VerifyRows& rows) {
  VerifyDraw draw{.heads = heads};
  int64_t samples = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const Json& row = rows.at(policy, i);
    const int64_t right = row["right"].get<bool>() ? 1 : 0;
    if (items[i].sample == nullptr) {
      draw.num_questions_right += right;
      continue;
    }
    ++samples;
    draw.num_right += right;
    draw.needle_logprob += row["needle_logprob"].get<double>();
  }
  draw.needle_logprob /= static_cast<double>(samples);
  return draw;
}

}  // namespace

std::string to_string(Pick pick) { return kPickNames.name_of(pick); }
Pick parse_pick(const std::string& name) { return kPickNames.parse("--pick", name); }

void VerifyOptions::validate() const {
  std::set<int64_t> seen;
  for (const int64_t k : ks) {
    if (k < 1) {
      user_error("--verify holds ",
                 k,
                 ", expected numbers of heads of at least 1 (the unmasked model is always asked)");
    }
    if (!seen.insert(k).second) user_error("--verify holds ", k, " twice");
  }
  if (samples < 0) user_error("--verify-samples is ", samples, ", expected at least 1");
  if (ks.empty() && samples > 0)
    user_error("--verify-samples is the number of samples for --verify, which is not given");
  if (ks.empty() && pick)
    user_error("--pick chooses among the numbers of heads of --verify, which is not given");
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
}

void check_ks(const std::vector<int64_t>& ks, int64_t num_heads) {
  for (const int64_t k : ks) {
    if (2 * k <= num_heads) continue;
    user_error("--verify holds ",
               k,
               ", but the model has only ",
               num_heads,
               " heads, too few to mask as many random heads outside of the top ",
               k,
               "; give at most ",
               num_heads / 2);
  }
}

Verification verify(const Subject& subject,
                    const ChatEncoder& encoder,
                    const std::vector<niah::Sample>& samples,
                    const HeadMeans& means,
                    const VerifyOptions& options,
                    Journal& journal) {
  options.validate();
  check_ks(options.ks, static_cast<int64_t>(means.size()));
  std::vector<int64_t> ks = options.ks;
  std::sort(ks.begin(), ks.end());
  std::vector<VerifyPolicy> policies = verify_policies(means, ks, options.seed);
  if (options.mask_of) {
    for (VerifyPolicy& policy : policies) policy.heads = options.mask_of(policy.heads.heads());
  }
  const std::vector<VerifyItem> items = verify_items(samples, encoder, options);
  VerifyRows rows(policies, items, journal);
  const std::vector<Asked> waiting = waiting_items(policies, items, rows);

  Verification verification;
  const int64_t finished = rows.num_finished();
  Progress progress("verify", rows.num_rows(), "answers", finished);
  const auto start = std::chrono::steady_clock::now();
  size_t next = 0;
  const RequestSource source = [&]() -> std::optional<GenerationRequest> {
    if (next == waiting.size()) return std::nullopt;
    const Asked& asked = waiting[next++];
    return request_of(items[asked.item], asked, policies, subject, options);
  };
  const auto on_finish = [&](size_t request, size_t continuation, const GenerationResult& result) {
    const Asked& asked = waiting[request];
    const VerifyItem& item = items[asked.item];
    const size_t per_policy = item.sample != nullptr ? 2 : 1;
    const bool is_forced = continuation % per_policy == 1;
    const Json values = is_forced ? Json{{"needle_logprob", mean_logprob(result)}}
                                  : judged(item, result, subject.tokenizer);
    if (rows.set(asked.policies[continuation / per_policy], asked.item, values)) progress.advance();
  };
  // Neighbours in the grid share the haystack up to their needles.
  Generator(subject.model, {.max_batch_size = 2 * options.batch_size, .prefix_cache = true})
      .run(source, on_finish);
  progress.finish();
  rows.write();
  verification.answered_now = rows.num_rows() - finished;
  verification.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  std::vector<VerifyDraw> draws;
  for (size_t p = 0; p < policies.size(); ++p)
    draws.push_back(count(p, policies[p].heads.heads(), items, rows));
  verification.num_questions = static_cast<int64_t>(control_questions().size());
  verification.num_samples = static_cast<int64_t>(items.size()) - verification.num_questions;
  verification.curve =
      verify_curve(policies, draws, verification.num_samples, verification.num_questions);
  if (options.pick) verification.choice = choose(verification.curve, means, *options.pick);
  return verification;
}

}  // namespace retmask::detect
