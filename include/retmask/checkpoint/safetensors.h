#pragma once
// The safetensors file format: 8 bytes of header size, a JSON header, the tensors' bytes.
// Source: github.com/huggingface/safetensors, README "Format". No torch here: tensors are names,
// shapes and bytes.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retmask {

enum class TensorType { float32, float16, bfloat16, int64, int32, uint8, boolean };

size_t element_size(TensorType type);
bool is_floating(TensorType type);
// The format's name of a type ("BF16"); the second throws UserError for one we do not read, naming
// `where`.
std::string_view safetensors_name(TensorType type);
TensorType tensor_type_from_name(std::string_view name, const std::string& where);

struct TensorSpec {
  std::string name;  // "model.layers.0.self_attn.q_proj.weight"
  TensorType type = TensorType::float32;
  std::vector<int64_t> shape;

  int64_t num_elements() const;
  size_t num_bytes() const;
};

// "[64, 128]", for messages.
std::string format_shape(const std::vector<int64_t>& shape);

// A read-only, memory-mapped file. The header is checked against the file's size: a truncated or
// corrupt file throws UserError that says what was found and what was expected.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  SafetensorsFile(const SafetensorsFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, TensorSpec>& tensors() const { return tensors_; }
  // Little-endian, row-major bytes; valid while this object lives. Unknown names are an
  // InternalError.
  std::span<const std::byte> bytes(const std::string& name) const;
  // Gives the memory of a tensor's bytes back; they are read from the file again where they are
  // looked at again.
  void release(const std::string& name) const;
  // The header with the 8 bytes before it.
  std::span<const std::byte> header() const;
  // Of the whole file, in bytes.
  size_t size() const { return size_; }

 private:
  void map_file();
  void unmap();
  void read_header();

  std::filesystem::path path_;
  std::map<std::string, TensorSpec> tensors_;
  std::map<std::string, size_t> offsets_;  // of each tensor's first byte in the file
  const std::byte* mapping_ = nullptr;
  size_t size_ = 0;
  size_t header_size_ = 0;
};

// Writes one file tensor by tensor: the header needs the specs only, so nothing but the current
// tensor is in memory.
class SafetensorsWriter {
 public:
  // `specs` in the order in which write() will be called. Writes `path` under a temporary name
  // until finish(). Throws UserError when the file cannot be made.
  SafetensorsWriter(std::filesystem::path path, const std::vector<TensorSpec>& specs);
  ~SafetensorsWriter();  // removes the temporary file when finish() was not reached
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // `bytes` of the next tensor; may come in several pieces. Throws UserError when the disk is full.
  void write(std::span<const std::byte> bytes);
  // Checks that every byte came, syncs, renames.
  void finish();

 private:
  void write_all(std::span<const std::byte> bytes);
  [[noreturn]] void fail(const char* step);
  void discard();

  std::filesystem::path path_;
  std::filesystem::path temporary_;  // empty once it is renamed or removed
  uint64_t expected_ = 0;
  uint64_t written_ = 0;
  int fd_ = -1;
};

}  // namespace retmask
