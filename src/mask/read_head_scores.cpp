#include "read_head_scores.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/known_files.h"
#include "retmask/model/heads.h"

namespace retmask::mask {
namespace {

// Reports scores of another model as such rather than as a missing head.
void check_shape(const HeadScores& scores, const ModelConfig& config, const std::string& where) {
  Head last;
  for (const auto& [head, samples] : scores.samples) {
    last = {std::max(last.layer, head.layer), std::max(last.head, head.head)};
  }
  constexpr int64_t kMost = 1 << 20;  // larger indices are reported by check_heads()
  if (last.layer >= kMost || last.head >= kMost) return;
  const int64_t layers = last.layer + 1;
  const int64_t heads = last.head + 1;
  const bool is_whole = static_cast<int64_t>(scores.samples.size()) == layers * heads;
  const bool fits = layers == config.num_hidden_layers() && heads == config.num_attention_heads;
  if (!is_whole || fits) return;
  user_error(where, ": the scores are for ", other_model(layers, heads, config));
}

void check_complete(const HeadScores& scores, const ModelConfig& config, const std::string& where) {
  std::vector<Head> listed;
  for (const auto& [head, samples] : scores.samples) listed.push_back(head);
  check_heads(listed, config, where);
  const int64_t expected = config.num_hidden_layers() * config.num_attention_heads;
  for (int64_t i = 0; i < expected; ++i) {
    const Head head{i / config.num_attention_heads, i % config.num_attention_heads};
    if (scores.samples.contains(head)) continue;
    user_error(where,
               " has scores of ",
               scores.samples.size(),
               " heads, the model has ",
               expected,
               "; the first without one is ",
               to_string(head),
               "; was it made with another model?");
  }
}

}  // namespace

HeadScores read_head_scores(const std::filesystem::path& path, const ModelConfig& config) {
  const std::string where = path.string();
  const Json json = read_named_json(path, "scores file", kHeadScoresForm);
  if (const auto known = recognize(json); known && known != KnownFile::head_scores) {
    user_error(where, is_what(json), ", expected ", kHeadScoresForm);
  }
  HeadScores scores = parse_head_scores(json, where);
  check_shape(scores, config, where);
  if (scores.num_samples() == 0) {
    user_error(where,
               " has no scores: no answer was right in that detection run; try shorter contexts or "
               "more samples");
  }
  check_complete(scores, config, where);
  return scores;
}

}  // namespace retmask::mask
