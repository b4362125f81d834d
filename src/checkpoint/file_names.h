#pragma once
// File names of a Hugging Face checkpoint folder.

#include <array>
#include <string>
#include <string_view>

namespace retmask {

inline constexpr std::string_view kConfigFile = "config.json";
inline constexpr std::string_view kGenerationConfigFile = "generation_config.json";
inline constexpr std::string_view kSingleFile = "model.safetensors";
inline constexpr std::string_view kIndexFile = "model.safetensors.index.json";

inline constexpr std::string_view kTemplateFolder = "additional_chat_templates";
// Files that define tokenization and the end of answers.
inline constexpr std::array<std::string_view, 10> kTextFiles{kGenerationConfigFile,
                                                             "tokenizer.json",
                                                             "tokenizer.model",
                                                             "tokenizer_config.json",
                                                             "special_tokens_map.json",
                                                             "added_tokens.json",
                                                             "vocab.json",
                                                             "merges.txt",
                                                             "chat_template.jinja",
                                                             "chat_template.json"};

// "model-00001-of-00004.safetensors"; `index` counts from 0.
std::string shard_file_name(size_t index, size_t count);

// Whether `name` is model.safetensors, a shard, or the index.
bool is_weight_file(std::string_view name);

// Whether a new checkpoint copies the file from its source: tokenizer, template, generation config,
// licence.
bool is_carried_file(std::string_view name);

}  // namespace retmask
