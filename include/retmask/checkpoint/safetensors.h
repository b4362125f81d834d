#pragma once
// The safetensors file format: 8 bytes of header size, a JSON header, the tensors' bytes. Source:
// github.com/huggingface/safetensors, README "Format". Independent of torch: tensors are names,
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
// The format's name of a type ("BF16"), and its inverse, which throws UserError naming `where` for
// an unsupported type.
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

// A read-only, memory-mapped file. The header is checked against the file size: a truncated or
// corrupt file throws UserError with the values found and expected.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  SafetensorsFile(const SafetensorsFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, TensorSpec>& tensors() const { return tensors_; }
  // Little-endian, row-major bytes; valid while this object lives. An unknown name is an
  // InternalError.
  std::span<const std::byte> bytes(const std::string& name) const;
  // Releases the memory of a tensor's bytes; they are read from the file again on the next access.
  void release(const std::string& name) const;
  // The header, including its 8-byte length.
  std::span<const std::byte> header() const;
  // File size in bytes.
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

// Writes one file tensor by tensor. The header needs only the specs, so only the current tensor is
// in memory.
class SafetensorsWriter {
 public:
  // `specs` in the order of the write() calls. Writes under a temporary name until finish(). Throws
  // UserError when the file cannot be created.
  SafetensorsWriter(std::filesystem::path path, const std::vector<TensorSpec>& specs);
  ~SafetensorsWriter();  // removes the temporary file unless finish() succeeded
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // Bytes of the next tensor, in one or more pieces. Throws UserError when the disk is full.
  void write(std::span<const std::byte> bytes);
  // Checks that every byte was written, syncs and renames.
  void finish();

 private:
  void write_all(std::span<const std::byte> bytes);
  [[noreturn]] void fail(const char* step);
  void discard();

  std::filesystem::path path_;
  std::filesystem::path temporary_;  // empty once renamed or removed
  uint64_t expected_ = 0;
  uint64_t written_ = 0;
  int fd_ = -1;
};

}  // namespace retmask
