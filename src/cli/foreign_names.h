#pragma once
// What other tools of the field call our commands and flags.

#include <string>
#include <vector>

namespace retmask::cli {

// "--Max_Tokens" -> "max-tokens"
std::string plain_name(const std::string& name);

// Our names for one that vLLM, TRL, Hugging Face's Trainer, lm-eval or HELMET know, without dashes,
// the likeliest first; empty for other names. `name` is plain.
std::vector<std::string> own_names(const std::string& name);

}  // namespace retmask::cli
