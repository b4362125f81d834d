#include "other_formats.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "file_names.h"
#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask {

const std::string_view kDequantize =
    "; expected float32, float16 or bfloat16 weights: use the original model, "
    "or dequantize it (transformers: model.dequantize(), then save_pretrained())";

namespace {

constexpr char kConvertGguf[] =
    "; convert it to safetensors (transformers: from_pretrained(folder, gguf_file=name), then "
    "save_pretrained()), or use the original model";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// training_args.bin and the like hold no weights.
bool holds_weights(std::string_view name) {
  constexpr std::array<std::string_view, 3> kOthers{"training_args.", "optimizer.", "scheduler."};
  return std::none_of(kOthers.begin(), kOthers.end(), [&](std::string_view other) {
    return name.starts_with(other);
  });
}

// The first file of weights, by name, with this ending; empty: none.
std::string find_weights(const fs::path& dir, std::string_view ending) {
  std::string first;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(ending) && holds_weights(name) && (first.empty() || name < first))
      first = name;
  }
  return first;
}

struct Format {
  std::string_view ending;  // of a file's name
  std::string_view what;
  std::string_view remedy;
};

constexpr std::string_view kConvertOriginal =
    "; use the folder in Hugging Face's format (config.json and safetensors), or convert it";
constexpr std::string_view kConvertPickle =
    "; convert them to safetensors (transformers: from_pretrained(), then save_pretrained())";

// In search order.
constexpr std::array kFormats{
    Format{".gguf", "a GGUF file", kConvertGguf},
    Format{".bin", "PyTorch .bin files", kConvertPickle},
    Format{".distcp",
           "a distributed PyTorch checkpoint (.distcp)",
           "; merge it into safetensors (accelerate merge-weights)"},
    Format{".pth", "PyTorch .pth files", kConvertOriginal},
    Format{".pt", "PyTorch .pt files", kConvertPickle},
    Format{".ckpt", "PyTorch .ckpt files", kConvertPickle},
    Format{".h5", "TensorFlow weights", kConvertPickle},
    Format{".msgpack", "Flax weights", kConvertPickle},
    Format{".onnx", "an ONNX model", kConvertOriginal},
    Format{"consolidated.safetensors", "weights in Mistral's format", kConvertOriginal},
};

void refuse_formats_in(const fs::path& dir) {
  for (const Format& format : kFormats) {
    const std::string name = find_weights(dir, format.ending);
    if (name.empty()) continue;
    user_error("the model folder ",
               dir,
               " holds ",
               format.what,
               " (",
               name,
               "), expected safetensors",
               format.remedy);
  }
}

// "gptq, 4 bits", as far as the object tells.
std::string method_of(const Json& quantization) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  for (const char* key : {"quant_method", "quant_algo", "format", "quant_type"}) {
    if (quantization.contains(key) && quantization[key].is_string())
      add(quantization[key].get<std::string>());
  }
  for (const char* key : {"bits", "w_bit", "num_bits"}) {
    if (quantization.contains(key) && quantization[key].is_number())
      add(quantization[key].dump() + " bits");
  }
  for (const char* key : {"load_in_4bit", "load_in_8bit"}) {
    if (quantization.contains(key) && quantization[key] == true) add(key);
  }
  return text.empty() ? quantization.dump().substr(0, 80) : text;
}

}  // namespace

void refuse_other_formats(const fs::path& path) {
  std::error_code error;
  if (path.extension() == ".gguf") user_error("the model ", path, " is a GGUF file", kConvertGguf);
  if (!fs::is_directory(path, error)) return;
  if (is_there(path / "adapter_config.json")) {
    user_error(
        "the model folder ",
        path,
        " holds a LoRA or another PEFT adapter (adapter_config.json), which is not a complete "
        "model; merge it into its base model (peft: merge_and_unload(), then "
        "save_pretrained()), or remove that file if the weights beside it are merged");
  }
  if (!is_there(path / kConfigFile)) refuse_formats_in(path);
}

void refuse_quantized(const fs::path& dir, const Json& config) {
  for (const char* key : {"quantization_config", "compression_config", "quantization"}) {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null() || found->empty()) continue;
    user_error("the model folder ",
               dir,
               " holds a quantized checkpoint: config.json has \"",
               key,
               "\" (",
               method_of(*found),
               ")",
               kDequantize);
  }
  for (const char* name : {"quantize_config.json", "quant_config.json", "hf_quant_config.json"}) {
    if (!is_there(dir / name)) continue;
    user_error("the model folder ", dir, " holds a quantized checkpoint (", name, ")", kDequantize);
  }
}

void refuse_without_safetensors(const fs::path& dir) {
  refuse_formats_in(dir);
  user_error("the model folder ",
             dir,
             " holds neither ",
             kSingleFile,
             " nor ",
             kIndexFile,
             "; other weight formats must be converted first");
}

bool is_quantized_type(std::string_view type) {
  constexpr std::array<std::string_view, 6> kPrefixes{"F8_", "F6_", "F4", "U4", "I4", "I8"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
    return type.starts_with(prefix);
  });
}

bool is_quantized_part(std::string_view name) {
  constexpr std::array<std::string_view, 20> kEndings{".qweight",
                                                      ".qzeros",
                                                      ".scales",
                                                      ".g_idx",
                                                      ".absmax",
                                                      ".quant_map",
                                                      ".nested_absmax",
                                                      ".nested_quant_map",
                                                      ".SCB",
                                                      ".weight_format",
                                                      ".weight_packed",
                                                      ".weight_scale",
                                                      ".weight_shape",
                                                      ".weight_scale_2",
                                                      ".weight_zero_point",
                                                      ".weight_scale_inv",
                                                      ".input_scale",
                                                      ".weight_g_idx",
                                                      ".weight.nf4",
                                                      ".biases"};
  return name.find(".quant_state.") != std::string_view::npos ||
         std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
           return name.ends_with(ending);
         });
}

}  // namespace retmask
