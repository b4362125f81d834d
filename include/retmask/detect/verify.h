#pragma once
// detect --verify: do the heads matter? The needle questions are asked again with the top k heads
// masked, with k random other heads and with the k lowest ones, beside questions that need no
// context.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/detect/detect.h"
#include "retmask/metrics/bootstrap.h"
#include "retmask/niah/sample.h"

namespace retmask::detect {

// Choice of --pick out of the curve.
enum class Pick { k, threshold };
std::string to_string(Pick pick);
// Throws UserError that lists the known names.
Pick parse_pick(const std::string& name);

struct VerifyOptions {
  std::vector<int64_t> ks = {};  // numbers of masked heads; empty: no verification
  int64_t samples = 0;           // of the grid, drawn at random; 0: all
  std::optional<Pick> pick = std::nullopt;
  int64_t max_new_tokens = 50;  // of a needle answer
  int64_t batch_size = 8;       // prompts per batch
  uint64_t seed = 0;            // of the random heads, and of the samples
  // The mask of these heads; null: of mode zero.
  std::function<HeadMask(const std::vector<Head>& heads)> mask_of = nullptr;

  // Throws UserError.
  void validate() const;
};

// One set of masked heads, over all samples and questions.
struct VerifyDraw {
  std::vector<Head> heads = {};
  int64_t num_right = 0;            // needle answers
  int64_t num_questions_right = 0;  // answers to questions without a context
  double needle_logprob = 0.0;      // mean over samples
};

// k masked heads. Rates and log-probs are means over the draws: three of "random", else one.
struct VerifyPoint {
  std::string mask = {};  // "retrieval", "random" or "bottom"
  int64_t k = 0;          // 0: nothing is masked
  std::vector<VerifyDraw> draws = {};
  double rate = 0.0;
  // 95 %, Wilson. Of several draws: from the lowest end to the highest, since they share their
  // samples and are few; it holds the interval of each.
  Interval rate_interval = {};
  double needle_logprob = 0.0;
  double parametric_rate = 0.0;
  Interval parametric_interval = {};
};

// The effect of k is the unmasked rate minus the rate with the top k heads masked. Chosen is the
// smallest k that has at least 90 % of the largest effect.
struct VerifyChoice {
  Pick pick = Pick::k;
  // Absent if the curve shows no effect: the interval at the largest one overlaps the unmasked
  // rate's.
  std::optional<int64_t> k = std::nullopt;
  // Half-way between the mean scores of heads k and k + 1; at that of head k if they are equal.
  double threshold = 0.0;
  int64_t num_selected = 0;  // heads at the threshold; more than k if scores are equal
};

struct Verification {
  int64_t num_samples = 0;
  int64_t num_questions = 0;
  std::vector<VerifyPoint> curve = {};  // by mask, then k
  std::optional<VerifyChoice> choice = std::nullopt;
  int64_t answered_now = 0;  // needle answers and questions, excluding those of an earlier run
  double seconds = 0.0;      // spent on those
};

// Throws UserError for a k that leaves fewer than k other heads, too few for a random choice.
void check_ks(const std::vector<int64_t>& ks, int64_t num_heads);

// needle_logprob: mean natural log-prob of the tokens of real_needle, forced behind the prompt, in
// each sample. `encoder` encodes the questions. Each finished row is appended to `journal`
// (verify.jsonl), and rows of the same heads and samples in it are not computed again; at the end
// it is rewritten in order, without rows of other heads. Throws UserError for bad options.
Verification verify(const Subject& subject,
                    const ChatEncoder& encoder,
                    const std::vector<niah::Sample>& samples,
                    const HeadMeans& means,
                    const VerifyOptions& options,
                    Journal& journal);

// verify.json: {"samples", "questions", "confidence", "curve": [{"mask", "k", "rate",
// "rate_interval", "needle_logprob", "parametric_rate", "parametric_interval", "draws": [{"heads":
// [[layer, head], ...], "rate", "needle_logprob", "parametric_rate"}]}], "choice": {"pick", "k",
// "threshold", "heads"}}
Json to_json(const Verification& verification);

}  // namespace retmask::detect
