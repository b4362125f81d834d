#pragma once
// Detection of unsupported model formats, with advice on how to convert them.

#include <filesystem>
#include <string_view>

#include "retmask/base/json.h"

namespace retmask {

// Called before config.json is read. Throws UserError for a GGUF file, an adapter folder (LoRA),
// and a folder without config.json that holds weights in another format.
void refuse_other_formats(const std::filesystem::path& path);

// Throws UserError if `config`, or a file next to it, says that the weights are quantized.
void refuse_quantized(const std::filesystem::path& dir, const Json& config);

// Throws UserError: `dir` has config.json but no safetensors. Names the format found instead.
[[noreturn]] void refuse_without_safetensors(const std::filesystem::path& dir);

// Whether the safetensors `type` is used only by quantized weights ("F8_E4M3").
bool is_quantized_type(std::string_view type);

// Whether the tensor name is part of a quantized matrix (qweight, weight_scale, absmax).
bool is_quantized_part(std::string_view name);

// Advice that ends each message on quantized weights.
extern const std::string_view kDequantize;

}  // namespace retmask
