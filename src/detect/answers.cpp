#include "answers.h"

#include <algorithm>
#include <span>

namespace retmask::detect {
namespace {

// Stop tokens of the published implementation; the first is the newline in Llama-2's vocabulary.
constexpr const char* kReferenceStopToken = "<0x0A>";
constexpr int64_t kReferenceStopId = 144;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD: a cut character

std::vector<int64_t> stop_ids(const Subject& subject, StopRule rule) {
  if (rule == StopRule::eos) return subject.eos_token_ids;
  std::vector<int64_t> ids = {kReferenceStopId};
  if (const auto id = subject.tokenizer.token_id(kReferenceStopToken)) ids.push_back(*id);
  return ids;
}

}  // namespace

GenerationRequest answer_request(const niah::Sample& sample, const ScorerInput& input) {
  GenerationRequest request;
  request.prompt = sample.prompt;
  request.max_new_tokens = input.options.grid.max_new_tokens;
  request.stop_ids = stop_ids(input.subject, input.options.stop);
  return request;
}

Detection judged_answer(const niah::Sample& sample,
                        const std::vector<int64_t>& tokens,
                        const ScorerInput& input) {
  Detection detection;
  detection.answer = input.subject.tokenizer.decode(tokens, /*skip_special_tokens=*/true);
  // The published implementation also counts right answers if it did not find the needle in the
  // prompt (all scores 0).
  const bool needs_span =
      input.options.scorer != Scorer::copy || input.options.scoring == Scoring::set;
  detection.verdict = niah::judge(sample, detection.answer, needs_span);
  return detection;
}

std::vector<std::string> token_texts(const std::vector<int64_t>& tokens,
                                     const Tokenizer& tokenizer) {
  std::vector<std::string> texts;
  size_t done = 0;  // bytes
  for (size_t count = 1; count <= tokens.size(); ++count) {
    std::string text = tokenizer.decode(std::span(tokens).first(count),
                                        /*skip_special_tokens=*/true);
    while (count < tokens.size() && text.ends_with(kReplacement))
      text.resize(text.size() - kReplacement.size());
    done = std::min(done, text.size());
    texts.push_back(text.substr(done));
    done = text.size();
  }
  return texts;
}

}  // namespace retmask::detect
