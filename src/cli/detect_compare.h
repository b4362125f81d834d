#pragma once
// detect --compare: compares lists and scores of heads; runs no model.

#include <filesystem>
#include <vector>

#include "common.h"

namespace retmask::cli {

struct CompareFlags {
  std::vector<std::string> files;  // --compare
  std::vector<int64_t> top;        // --top: one size, or one per file
  std::filesystem::path mask;      // --mask: a list of heads
};

// Adds the flags. With --compare the command requires no other flag.
void add_compare_flags(Command& command, CompareFlags& flags);

// Whether --compare is given. Throws UserError for flags on the command line that have no effect
// with it, or none without it.
bool is_comparison(const CompareFlags& flags, const Invocation& invocation);

// Writes compare.json. `model`: folder with a config.json, for its head counts; may be empty.
void run_comparison(const CompareFlags& flags,
                    const std::filesystem::path& model,
                    const Invocation& invocation);

}  // namespace retmask::cli
