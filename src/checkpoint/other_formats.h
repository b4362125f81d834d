#pragma once
// Names what a folder is that is no checkpoint of ours, and what to do with it.

#include <filesystem>
#include <string_view>

#include "retmask/base/json.h"

namespace retmask {

// Before config.json is read. Throws UserError for a GGUF file, a folder of an adapter (LoRA), and
// a folder without config.json that holds weights in another format.
void refuse_other_formats(const std::filesystem::path& path);

// Throws UserError where `config`, or a file beside it, says that the weights are quantized.
void refuse_quantized(const std::filesystem::path& dir, const Json& config);

// Throws UserError: `dir` has config.json but no safetensors. Names what it has instead.
[[noreturn]] void refuse_without_safetensors(const std::filesystem::path& dir);

// Whether safetensors' `type` is one that quantized weights alone have ("F8_E4M3").
bool is_quantized_type(std::string_view type);

// Whether a tensor of this name is a part of a quantized matrix (qweight, weight_scale, absmax).
bool is_quantized_part(std::string_view name);

// What to do about it: the end of each message on quantized weights.
extern const std::string_view kDequantize;

}  // namespace retmask
