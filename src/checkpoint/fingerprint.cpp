#include "file_names.h"
#include "retmask/base/file.h"
#include "retmask/base/stop_signals.h"
#include "retmask/checkpoint/checkpoint.h"

namespace retmask {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The middle row of a matrix, the whole of a vector. A whole row crosses every column, so that a
// masked head (whole columns of W_o) always shows.
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

}  // namespace retmask
