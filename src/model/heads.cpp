#include "retmask/model/heads.h"

#include <algorithm>
#include <optional>

#include "retmask/base/error.h"
#include "retmask/base/head_scores.h"

namespace retmask {

std::string other_model(int64_t layers, int64_t heads, const ModelConfig& config) {
  return detail::concat(layers,
                        " x ",
                        heads,
                        " heads (layers x heads), this model has ",
                        config.num_hidden_layers(),
                        " x ",
                        config.num_attention_heads,
                        "; it was made with another model");
}

Head parse_head(const std::string& text, const std::string& where) {
  const std::optional<Head> head = parse_head_name(text);
  if (!head) user_error(where, ": \"", text, "\" is not a head, expected LAYER-HEAD such as 18-6");
  return *head;
}

void check_heads(const std::vector<Head>& heads,
                 const ModelConfig& config,
                 const std::string& where) {
  std::string bad;
  for (const Head& head : heads) {
    if (head.layer < 0 || head.layer >= config.num_hidden_layers() || head.head < 0 ||
        head.head >= config.num_attention_heads) {
      bad += (bad.empty() ? "" : ", ") + to_string(head);
    }
  }
  if (!bad.empty()) {
    user_error(where,
               ": the model has no head ",
               bad,
               "; it has layers 0 to ",
               config.num_hidden_layers() - 1,
               " with heads 0 to ",
               config.num_attention_heads - 1);
  }
}

ColumnRange output_columns(const ModelConfig& config, int64_t head) {
  return {head * config.head_dim, (head + 1) * config.head_dim};
}

std::vector<Head> parse_heads(const std::vector<std::string>& names,
                              const ModelConfig& config,
                              const std::string& where) {
  std::vector<Head> heads;
  for (const std::string& name : names) heads.push_back(parse_head(name, where));
  check_heads(heads, config, where);
  std::sort(heads.begin(), heads.end());
  const auto twice = std::adjacent_find(heads.begin(), heads.end());
  if (twice != heads.end()) user_error(where, ": ", to_string(*twice), " is given twice");
  return heads;
}

}  // namespace retmask
