#include "file_names.h"
#include "retmask/base/file.h"
#include "retmask/base/stop_signals.h"
#include "retmask/checkpoint/checkpoint.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The middle row of a matrix, or a whole vector. A row crosses every column, so a masked head
// (whole columns of W_o) always changes it.
std::span<const std::byte> sample(const TensorSpec& spec, std::span<const std::byte> bytes) {
  if (spec.shape.size() < 2 || bytes.empty()) return bytes;
  const size_t row_bytes = static_cast<size_t>(spec.shape.back()) * element_size(spec.type);
  const size_t rows = bytes.size() / row_bytes;
  return bytes.subspan(rows / 2 * row_bytes, row_bytes);
}

}  // namespace

std::string Checkpoint::fingerprint() const {
  std::string digests = sha256(read_text_file(dir_ / kConfigFile, "model config"));
  for (const SafetensorsFile& shard : shards_) {
    digests += "\n" + sha256(as_text(shard.header())) + " " + std::to_string(shard.size());
    for (const auto& [name, spec] : shard.tensors()) {
      stop_point();
      digests += "\n" + sha256(as_text(sample(spec, shard.bytes(name))));
      shard.release(name);  // the kernel maps up to megabytes around one row
    }
  }
  return sha256(digests);
}

std::map<std::string, std::string> Checkpoint::hash_other_files() const {
  std::map<std::string, std::string> hashes;
  const auto add = [&](const fs::path& path, const std::string& name) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) hashes[name] = sha256_file(path);
  };
  for (const std::string_view name : kTextFiles) add(dir_ / name, std::string(name));
  std::error_code error;  // most checkpoints have no such folder
  for (const auto& entry : fs::directory_iterator(dir_ / kTemplateFolder, error)) {
    const fs::path file = entry.path().filename();
    if (file.extension() == ".jinja")
      add(entry.path(), (fs::path(kTemplateFolder) / file).string());
  }
  return hashes;
}

}  // namespace retmask
