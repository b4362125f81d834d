#pragma once
// Names that other tools use for our commands and flags.

#include <string>
#include <vector>

namespace retmask::cli {

// "--Max_Tokens" -> "max-tokens"
std::string plain_name(const std::string& name);

// Our names for a plain name known from vLLM, TRL, Hugging Face's Trainer, lm-eval or HELMET,
// without dashes, the likeliest first; empty for other names.
std::vector<std::string> own_names(const std::string& name);

}  // namespace retmask::cli
