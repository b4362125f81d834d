#pragma once
// Text files, plain and gzipped alike, without holding them.

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

struct gzFile_s;

namespace retmask {

// Passes over a byte order mark of UTF-8. Throws UserError for a file that is missing, damaged, a
// stream or of UTF-16; `what` names it for the user ("prompt file").
class TextReader {
 public:
  TextReader(const std::filesystem::path& path, std::string_view what);
  ~TextReader();
  TextReader(const TextReader&) = delete;
  TextReader& operator=(const TextReader&) = delete;

  // The next line without its '\n'; false at the end.
  bool next_line(std::string& line);
  // Nothing at the end.
  std::optional<char> next_byte();
  // The first byte ahead that is no white space, which stays unread; nothing when there is none
  // within the file's first 64 KiB.
  std::optional<char> peek_text() const;

 private:
  bool fill();
  void pass_over_mark(std::string_view what);

  std::filesystem::path path_;
  gzFile_s* file_ = nullptr;
  std::array<char, 1 << 16> buffer_{};
  size_t position_ = 0;
  size_t filled_ = 0;
};

}  // namespace retmask
