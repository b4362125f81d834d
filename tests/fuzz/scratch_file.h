#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace retmask::fuzz {

// A file in this process's own folder, rewritten for each input; on a memory file system if there
// is one.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& name) {
    const std::filesystem::path shm = "/dev/shm";
    std::error_code error;
    const bool in_memory =
        std::filesystem::is_directory(shm, error) && ::access(shm.c_str(), W_OK) == 0;
    const auto base = in_memory ? shm : std::filesystem::temp_directory_path();
    std::string pattern = (base / "retmask-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    dir_ = pattern;
    path_ = dir_ / name;
  }
  ~ScratchFile() { std::filesystem::remove_all(dir_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::filesystem::path& holding(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return path_;
  }
  const std::filesystem::path& dir() const { return dir_; }

 private:
  std::filesystem::path dir_;
  std::filesystem::path path_;
};

}  // namespace retmask::fuzz
