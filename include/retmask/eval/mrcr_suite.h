#pragma once
// Suite "mrcr": multi-round co-reference. The model repeats one of several answers that it gave to
// the same request in a long conversation (Vodrahalli et al. 2024, "Michelangelo", section 4.2;
// openai/mrcr on Hugging Face).

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct MrcrOptions {
  std::vector<std::string> tasks = {};  // empty: all
  std::vector<int64_t> lengths = {};    // most tokens of a generated conversation; empty: 4096
  int64_t max_samples = 100;            // per task and length
  uint64_t seed = 0;

  // Throws UserError. A file has its own conversations, of any length.
  void validate(bool has_data) const;
};

// Conversations from the built-in essays and words, like those of openai/mrcr in form. The task of
// a sample is the number of equal requests. Throws UserError for a length that is too small.
std::vector<Sample> build_mrcr_samples(const MrcrOptions& options,
                                       const std::string& essays,
                                       const PromptEncoder& encoder,
                                       int64_t max_positions);

// The published files (Parquet or JSON Lines): rows of {"prompt": messages or their JSON text,
// "answer", "random_string_to_prepend", "n_needles"}. Throws UserError with file and row.
std::vector<Sample> read_mrcr_samples(const std::filesystem::path& path,
                                      const MrcrOptions& options,
                                      const PromptEncoder& encoder);

}  // namespace retmask::eval
