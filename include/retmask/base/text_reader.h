#pragma once
// Streaming reader for plain and gzipped text files.

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

struct gzFile_s;

namespace retmask {

// Skips a UTF-8 byte order mark. Throws UserError for a file that is missing, damaged, a stream or
// UTF-16; `what` names it in the message ("prompt file").
class TextReader {
 public:
  TextReader(const std::filesystem::path& path, std::string_view what);
  ~TextReader();
  TextReader(const TextReader&) = delete;
  TextReader& operator=(const TextReader&) = delete;

  // The next line without its '\n'; false at the end.
  bool next_line(std::string& line);
  // Nullopt at the end.
  std::optional<char> next_byte();
  // The next byte that is not white space, without consuming it; nullopt if there is none within
  // the file's first 64 KiB.
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
