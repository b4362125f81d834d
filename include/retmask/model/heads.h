#pragma once
// Lists of attention heads, and masks.

#include <filesystem>
#include <string>
#include <vector>

#include "retmask/base/head.h"
#include "retmask/base/json.h"
#include "retmask/model/config.h"
#include "retmask/model/head_mask.h"

namespace retmask {

// Throws UserError naming `where` unless the text is LAYER-HEAD.
Head parse_head(const std::string& text, const std::string& where);

// Parses names such as "18-6"; returns the heads sorted. Throws UserError naming `where` for an
// invalid name, a head that the model does not have, and a duplicate.
std::vector<Head> parse_heads(const std::vector<std::string>& names,
                              const ModelConfig& config,
                              const std::string& where);

// Throws one UserError that lists all heads that the model does not have.
void check_heads(const std::vector<Head>& heads,
                 const ModelConfig& config,
                 const std::string& where);

// "32 x 32 heads (layers x heads), this model has 30 x 9; it was made with another model", for
// errors.
std::string other_model(int64_t layers, int64_t heads, const ModelConfig& config);

// The columns [begin, end) of W_o ([hidden_size, num_attention_heads * head_dim]) that read this
// head. The only function that knows this layout.
struct ColumnRange {
  int64_t begin = 0;
  int64_t end = 0;
};
ColumnRange output_columns(const ModelConfig& config, int64_t head);

// mask.json: {"heads": [[18, 6], ...], "mode": "zero" | "mean", "means": [[head_dim numbers] of
// each head] in mode mean, "model": {...}, ...}; without "mode", zero. Reading checks the heads
// against this model, and also the model it was made for, if recorded.
HeadMask read_mask_file(const std::filesystem::path& path, const ModelConfig& config);
// "means" of mask.json. Reading restores each number exactly.
Json means_json(const HeadMask::Means& means);

}  // namespace retmask
