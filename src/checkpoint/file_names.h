#pragma once
// The names of a Hugging Face checkpoint folder's files.

#include <array>
#include <string>
#include <string_view>

namespace retmask {

inline constexpr std::string_view kConfigFile = "config.json";
inline constexpr std::string_view kGenerationConfigFile = "generation_config.json";
inline constexpr std::string_view kSingleFile = "model.safetensors";
inline constexpr std::string_view kIndexFile = "model.safetensors.index.json";

inline constexpr std::string_view kTemplateFolder = "additional_chat_templates";
// What turns texts into tokens and back, and says where answers end.
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

// model.safetensors, a shard, or the index.
bool is_weight_file(std::string_view name);

// What a new checkpoint takes over from the one it was made of: tokenizer, template, generation
// config, licence.
bool is_carried_file(std::string_view name);

}  // namespace retmask
