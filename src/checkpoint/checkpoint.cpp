#include "retmask/checkpoint/checkpoint.h"

#include <set>
#include <utility>

#include "file_names.h"
#include "other_formats.h"
#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

Json read_config(const fs::path& dir) {
  std::error_code error;
  if (!fs::exists(dir, error)) user_error("the model folder ", dir, " does not exist");
  refuse_other_formats(dir);
  if (!fs::is_directory(dir, error)) {
    user_error("the model ", dir, " is a file, expected a folder with config.json and safetensors");
  }
  const fs::path path = dir / kConfigFile;
  Json config = read_json_file(path, "model config");
  if (!config.is_object()) user_error(path, " is not a JSON object");
  refuse_quantized(dir, config);
  return config;
}

// A single id, a list of ids, or nothing.
std::vector<int64_t> parse_eos(const Json& config, const fs::path& path) {
  const auto value = config.find("eos_token_id");
  if (value == config.end() || value->is_null()) return {};
  const std::string where = path.string();
  if (value->is_array()) {
    for (const Json& id : *value) {
      if (id.is_number_integer()) continue;
      user_error(where, ": \"eos_token_id\" holds ", id.dump(), ", expected token ids");
    }
    return json_get<std::vector<int64_t>>(config, "eos_token_id", where);
  }
  return {json_get<int64_t>(config, "eos_token_id", where)};
}

std::vector<int64_t> read_eos(const fs::path& dir, const Json& config) {
  const fs::path path = dir / kGenerationConfigFile;
  std::error_code error;
  if (fs::exists(path, error)) {
    const Json generation = read_json_file(path, "generation config");
    if (!generation.is_object()) user_error(path, " is not a JSON object");
    std::vector<int64_t> ids = parse_eos(generation, path);
    if (!ids.empty()) return ids;
  }
  return parse_eos(config, dir / kConfigFile);
}

// Reads the index: tensor name -> file name.
std::map<std::string, std::string> read_index(const fs::path& path) {
  const Json index = read_json_file(path, "shard index");
  if (!index.is_object()) user_error(path, " is not a JSON object");
  const std::string where = path.string();
  auto file_of = json_get<std::map<std::string, std::string>>(index, "weight_map", where);
  if (file_of.empty()) user_error(path, ": \"weight_map\" is empty");
  for (const auto& [tensor, file] : file_of) {
    if (fs::path(file).filename() != file) {
      user_error(path, " names the shard \"", file, "\", expected a file name without a folder");
    }
  }
  return file_of;
}

// Opens model.safetensors if present (as transformers does), otherwise the shards of the index.
std::vector<SafetensorsFile> open_shards(const fs::path& dir) {
  std::vector<SafetensorsFile> shards;
  std::error_code error;
  if (fs::exists(dir / kSingleFile, error)) {
    shards.emplace_back(dir / kSingleFile);
    return shards;
  }
  const fs::path index = dir / kIndexFile;
  if (!fs::exists(index, error)) refuse_without_safetensors(dir);
  const auto file_of = read_index(index);
  std::map<std::string, size_t> opened;
  for (const auto& [tensor, file] : file_of) {
    if (opened.contains(file)) continue;
    if (!fs::exists(dir / file, error)) {
      user_error(index, " names the shard ", dir / file, ", which does not exist");
    }
    opened[file] = shards.size();
    shards.emplace_back(dir / file);
  }
  for (const auto& [tensor, file] : file_of) {
    if (!shards[opened[file]].tensors().contains(tensor)) {
      user_error(index, " says that ", file, " holds the tensor \"", tensor, "\", but it does not");
    }
  }
  return shards;
}

}  // namespace

Checkpoint::Checkpoint(fs::path dir)
    : dir_(std::move(dir)),
      config_(read_config(dir_)),
      eos_token_ids_(read_eos(dir_, config_)),
      shards_(open_shards(dir_)) {
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    for (const auto& [name, spec] : shards_[shard].tensors()) {
      const auto [known, is_new] = shard_of_.emplace(name, shard);
      if (!is_new) {
        user_error("two shards hold the tensor \"",
                   name,
                   "\": ",
                   shards_[known->second].path(),
                   " and ",
                   shards_[shard].path());
      }
      tensors_[name] = spec;
    }
  }
}

std::span<const std::byte> Checkpoint::bytes(const std::string& name) const {
  const auto found = shard_of_.find(name);
  RETMASK_CHECK(found != shard_of_.end(), "no tensor ", name, " in ", dir_);
  return shards_[found->second].bytes(name);
}

void Checkpoint::release(const std::string& name) const {
  shards_[shard_of_.at(name)].release(name);
}

}  // namespace retmask
