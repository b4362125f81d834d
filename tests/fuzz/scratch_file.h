#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "unit/support/temp_dir.h"

namespace retmask::fuzz {

// A file in this process's own folder, rewritten for each input; on a memory file system if there
// is one.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& name) : path_(dir_ / name) {}

  const std::filesystem::path& holding(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return path_;
  }
  const std::filesystem::path& dir() const { return dir_.path(); }

 private:
  static std::filesystem::path parent() {
    const std::filesystem::path shm = "/dev/shm";
    std::error_code error;
    const bool in_memory =
        std::filesystem::is_directory(shm, error) && ::access(shm.c_str(), W_OK) == 0;
    return in_memory ? shm : std::filesystem::temp_directory_path();
  }

  const testing::TempDir dir_{parent()};
  const std::filesystem::path path_;
};

}  // namespace retmask::fuzz
