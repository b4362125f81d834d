#include "read_heads.h"

#include "retmask/base/error.h"
#include "retmask/model/heads.h"

namespace retmask::mask {
namespace {

// Reports heads of another model as such rather than as missing heads.
void check_grid(const HeadList& list, const ModelConfig& config, const std::string& where) {
  if (!list.grid) return;
  const HeadGrid model{config.num_hidden_layers(),
                       list.of_kv_heads ? config.num_key_value_heads : config.num_attention_heads};
  if (*list.grid == model) return;
  if (list.of_kv_heads) {
    user_error(where,
               ": the gates are for ",
               list.grid->layers,
               " x ",
               list.grid->heads,
               " key/value heads (layers x heads), this model has ",
               model.layers,
               " x ",
               model.heads,
               "; they were made for another model");
  }
  user_error(where,
             list.scores ? ": the scores are for " : ": the heads are for ",
             other_model(list.grid->layers, list.grid->heads, config));
}

void check_complete(const HeadList& list, const ModelConfig& config, const std::string& where) {
  const int64_t expected = config.num_hidden_layers() * config.num_attention_heads;
  for (int64_t i = 0; i < expected; ++i) {
    const Head head{i / config.num_attention_heads, i % config.num_attention_heads};
    if (list.scores->contains(head)) continue;
    user_error(where,
               " has scores of ",
               list.scores->size(),
               " heads, the model has ",
               expected,
               "; the first without one is ",
               to_string(head),
               "; was it made with another model?");
  }
}

}  // namespace

HeadList read_heads(const std::filesystem::path& path, const ModelConfig& config) {
  const std::string where = path.string();
  const HeadList list = read_head_list(path, "scores file");
  check_grid(list, config, where);
  if (list.of_kv_heads) {
    check_within(list, {config.num_hidden_layers(), config.num_key_value_heads}, where);
    return to_query_heads(list, config.num_attention_heads, config.num_key_value_heads);
  }
  check_heads(list.ranked, config, where);
  if (list.form == HeadForm::head_scores) check_complete(list, config, where);
  return list;
}

}  // namespace retmask::mask
