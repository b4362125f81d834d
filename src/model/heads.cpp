#include "retmask/model/heads.h"

#include <charconv>

#include "retmask/base/error.h"

namespace retmask {
namespace {

bool parse_number(std::string_view text, int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0;
}

}  // namespace

std::string to_string(const Head& head) {
  return std::to_string(head.layer) + "-" + std::to_string(head.head);
}

Head parse_head(const std::string& text, const std::string& where) {
  const auto dash = text.find('-');
  Head head;
  if (dash == std::string::npos ||
      !parse_number(std::string_view(text).substr(0, dash), head.layer) ||
      !parse_number(std::string_view(text).substr(dash + 1), head.head)) {
    user_error(where, ": \"", text, "\" is not a head, expected LAYER-HEAD such as 18-6");
  }
  return head;
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

std::vector<Head> read_mask_file(const std::filesystem::path& path, const ModelConfig& config) {
  const Json json = read_json_file(path, "mask file");
  const std::string where = path.string();
  if (!json.is_object())
    user_error(where, " is not a JSON object, expected {\"heads\": [[layer, head], ...]}");
  const auto pairs = json_get<std::vector<std::vector<int64_t>>>(json, "heads", where);
  std::vector<Head> heads;
  for (const auto& pair : pairs) {
    if (pair.size() != 2)
      user_error(
          where, ": \"heads\" has an entry of ", pair.size(), " numbers, expected [layer, head]");
    heads.push_back({pair[0], pair[1]});
  }
  check_heads(heads, config, where);
  return heads;
}

}  // namespace retmask
