#include "retmask/niah/mean_outputs.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/progress.h"
#include "retmask/model/upload.h"
#include "retmask/niah/needles.h"

namespace fs = std::filesystem;

namespace retmask::niah {
namespace {

std::vector<int64_t> encode_for(const ModelConfig& config,
                                const Tokenizer& tokenizer,
                                std::string_view text) {
  std::vector<int64_t> tokens = tokenizer.encode(text, /*add_special_tokens=*/true);
  RETMASK_CHECK(!tokens.empty());
  const int64_t largest = *std::max_element(tokens.begin(), tokens.end());
  if (largest >= config.vocab_size) {
    user_error("the text for the heads' mean outputs has token id ",
               largest,
               ", but the model's vocab_size is ",
               config.vocab_size,
               "; do the tokenizer and the model belong together?");
  }
  return tokens;
}

}  // namespace

std::string read_mean_text(const fs::path& path) {
  if (path.empty()) return builtin_haystack();
  if (!fs::is_directory(path)) {
    std::string text = read_text_file(path, "text for the heads' mean outputs");
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
      user_error(path, " holds no text for the heads' mean outputs");
    return text;
  }
  size_t parts = 0;
  while (fs::is_directory(path / ("part" + std::to_string(parts + 1)))) ++parts;
  std::string text;
  for (const std::string& haystack : read_haystacks(path, std::max<size_t>(1, parts)))
    text += (text.empty() ? "" : "\n") + haystack;
  return text;
}

HeadMask mean_mask(const InferenceLm& model,
                   const Tokenizer& tokenizer,
                   std::string_view text,
                   const std::vector<Head>& heads) {
  const ModelConfig& config = model.config();
  const std::vector<int64_t> tokens = encode_for(config, tokenizer, text);
  const auto total = static_cast<int64_t>(tokens.size());
  const int64_t longest = std::min(kMeanSequenceTokens, config.max_positions);
  HeadOutputSums sums;
  Progress progress("mean outputs", total, "tokens");
  for (int64_t begin = 0; begin < total; begin += longest) {
    const int64_t length = std::min(longest, total - begin);
    PackedBatch batch;
    batch.token_ids =
        upload(std::vector<int64_t>(tokens.begin() + begin, tokens.begin() + begin + length),
               model.device());
    batch.lengths = {length};
    batch.output_sums = &sums;
    model.forward(batch);
    progress.advance(length);
  }
  progress.finish();

  const torch::Tensor means = sums.means();  // [L, H * D]
  HeadMask::Means of_heads;
  for (const Head& head : heads) {
    const ColumnRange columns = output_columns(config, head.head);
    const float* row = means[head.layer].const_data_ptr<float>();
    of_heads.emplace_back(row + columns.begin, row + columns.end);
  }
  return {heads, of_heads};
}

}  // namespace retmask::niah
