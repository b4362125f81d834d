#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/checkpoint/safetensors.h"

namespace retmask {
namespace {

constexpr size_t kAlignment = 8;  // of the first tensor, like the reference implementation

// The header length and the header text.
std::string make_header(const std::vector<TensorSpec>& specs) {
  Json header = Json::object();
  header["__metadata__"] = {{"format", "pt"}};  // required by transformers
  uint64_t position = 0;
  for (const TensorSpec& spec : specs) {
    RETMASK_CHECK(!header.contains(spec.name), "tensor ", spec.name, " is written twice");
    const uint64_t end = position + spec.num_bytes();
    header[spec.name] = {{"dtype", safetensors_name(spec.type)},
                         {"shape", spec.shape},
                         {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(std::filesystem::path path,
                                     const std::vector<TensorSpec>& specs)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp" + std::to_string(::getpid())) {
  for (const TensorSpec& spec : specs) expected_ += spec.num_bytes();
  const std::string header = make_header(specs);
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("write");
  write_all(std::as_bytes(std::span(header)));
}

SafetensorsWriter::~SafetensorsWriter() { discard(); }

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  RETMASK_CHECK(
      written_ + bytes.size() <= expected_, "more bytes than the header of ", path_, " promises");
  write_all(bytes);
  written_ += bytes.size();
}

void SafetensorsWriter::finish() {
  RETMASK_CHECK(
      written_ == expected_, path_, ": ", written_, " of ", expected_, " bytes were written");
  if (::fsync(fd_) != 0) fail("sync");
  const bool closed = ::close(std::exchange(fd_, -1)) == 0;
  if (!closed || ::rename(temporary_.c_str(), path_.c_str()) != 0) fail("write");
  temporary_.clear();
}

void SafetensorsWriter::write_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write");
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

void SafetensorsWriter::fail(const char* step) {
  const int error = errno;
  discard();
  write_error(error, "cannot ", step, " the weights ", path_, ": ", std::strerror(error));
}

void SafetensorsWriter::discard() {
  if (temporary_.empty()) return;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  ::unlink(temporary_.c_str());
  temporary_.clear();
}

}  // namespace retmask
