#include "retmask/base/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <system_error>

#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

constexpr char kTemporaryMark[] = ".tmp";  // followed by the writer's process id

std::string system_reason() { return std::strerror(errno); }

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    RETMASK_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void update(const void* data, size_t size) {
    RETMASK_CHECK(EVP_DigestUpdate(context_.get(), data, size) == 1);
  }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    RETMASK_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      text += kDigits[digest[i] >> 4];
      text += kDigits[digest[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::optional<int> descriptor_of(const fs::path& path) {
  const std::string text = path.string();
  if (text == "/dev/stdin") return STDIN_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!text.starts_with(folder)) continue;
    int descriptor = -1;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + folder.size(), end, descriptor);
    if (error == std::errc() && stopped == end && descriptor >= 0) return descriptor;
  }
  return std::nullopt;
}

void check_not_a_stream(const fs::path& path, std::string_view what) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  const bool terminal = fs::is_character_file(status) && ::isatty(descriptor_of(path).value_or(-1));
  if (!fs::is_fifo(status) && !fs::is_socket(status) && !terminal) return;
  user_error(what, " ", path, " is a stream, which can be read only once; give a file");
}

std::string read_text_file(const fs::path& path, std::string_view what) {
  std::error_code error;
  if (!fs::exists(path, error)) user_error(what, " ", path, " does not exist");
  if (fs::is_directory(path, error)) user_error(what, " ", path, " is a folder, expected a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) user_error("cannot read ", what, " ", path, ": ", system_reason());
  std::string content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) user_error("cannot read ", what, " ", path, ": ", system_reason());
  return content;
}

void write_file_atomic(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

AtomicFile::AtomicFile(fs::path path)
    : path_(std::move(path)),
      temporary_(path_.string() + kTemporaryMark + std::to_string(::getpid())),
      file_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (file_.get() < 0) fail("write");
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  if (::fsync(file_.get()) != 0) fail("sync");
  if (file_.close() != 0) fail("write");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("replace");
  committed_ = true;
  sync_folder_of(path_);
}

void AtomicFile::fail(const char* step) const {
  write_error(errno, "cannot ", step, " ", path_, ": ", system_reason());
}

void remove_leftovers(const fs::path& path) {
  const std::string start = path.filename().string() + kTemporaryMark;
  for (const auto& entry : fs::directory_iterator(path.parent_path())) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(start)) continue;
    const bool is_ours = name.find_first_not_of("0123456789", start.size()) == std::string::npos;
    if (is_ours) ::unlink(entry.path().c_str());
  }
}

void make_output_dir(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) {
    write_error(error.value(),
                "cannot make the output folder ",
                dir,
                ": ",
                error.message(),
                "; give a writable --out");
  }
  const fs::path probe = dir / (".writable" + std::to_string(::getpid()));
  const FileDescriptor file(::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) {
    write_error(errno,
                "the output folder ",
                dir,
                " cannot be written: ",
                system_reason(),
                "; give a writable --out");
  }
  ::unlink(probe.c_str());
}

void sync_folder_of(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: the file system does not sync folders. EACCES: a folder that is writable but not
  // readable.
  if (file.get() < 0 ? errno == EACCES : ::fsync(file.get()) == 0 || errno == EINVAL) return;
  write_error(errno, "cannot sync the folder ", folder, ": ", system_reason());
}

void sync_path(const fs::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) {
    write_error(errno, "cannot sync ", path, ": ", system_reason());
  }
}

void commit_path(const fs::path& temporary, const fs::path& final_path) {
  std::error_code error;
  if (fs::is_directory(final_path, error)) {
    // A folder cannot be renamed over a non-empty one: move the old one aside first, so that a kill
    // in between leaves both.
    const fs::path old = final_path.string() + ".old" + std::to_string(::getpid());
    fs::rename(final_path, old, error);
    if (!error) fs::rename(temporary, final_path, error);
    if (!error) sync_folder_of(final_path);
    if (!error) fs::remove_all(old, error);
  } else {
    fs::rename(temporary, final_path, error);
  }
  if (error) {
    write_error(
        error.value(), "cannot move ", temporary, " to ", final_path, ": ", error.message());
  }
}

std::string sha256_file(const fs::path& path) {
  check_not_a_stream(path, "the input");
  std::ifstream in(path, std::ios::binary);
  if (!in) user_error("cannot read ", path, ": ", system_reason());
  Sha256 digest;
  std::array<char, 1 << 16> buffer{};
  while (in.read(buffer.data(), buffer.size()) || in.gcount() > 0) {
    digest.update(buffer.data(), static_cast<size_t>(in.gcount()));
    stop_point();
  }
  return digest.hex();
}

std::string sha256(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes.data(), bytes.size());
  return digest.hex();
}

}  // namespace retmask
