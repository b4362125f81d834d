#include "retmask/base/text_reader.h"

#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask {

TextReader::TextReader(const fs::path& path, std::string_view what) : path_(path) {
  std::error_code error;
  if (!fs::exists(path, error)) user_error(what, " ", path, " does not exist");
  if (fs::is_directory(path, error)) user_error(what, " ", path, " is a folder, expected a file");
  check_not_a_stream(path, what);
  file_ = gzopen(path.c_str(), "rb");
  if (file_ == nullptr) user_error("cannot read ", what, " ", path, ": ", std::strerror(errno));
  gzbuffer(file_, 1 << 17);
  try {
    pass_over_mark(what);
  } catch (...) {
    gzclose_r(file_);
    throw;
  }
}

TextReader::~TextReader() { gzclose_r(file_); }

bool TextReader::fill() {
  const int got = gzread(file_, buffer_.data(), static_cast<unsigned>(buffer_.size()));
  int code = Z_OK;
  const char* reason = gzerror(file_, &code);
  if (got < 0 || code != Z_OK) user_error(path_, " is damaged: ", reason);
  position_ = 0;
  filled_ = static_cast<size_t>(got);
  return got > 0;
}

void TextReader::pass_over_mark(std::string_view what) {
  fill();
  const std::string_view start(buffer_.data(), filled_);
  if (start.starts_with("\xEF\xBB\xBF")) position_ = 3;
  if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF")) {
    user_error(what, " ", path_, " is UTF-16, expected UTF-8; save it in that encoding");
  }
}

bool TextReader::next_line(std::string& line) {
  line.clear();
  while (true) {
    if (position_ == filled_ && !fill()) return !line.empty();
    const char* start = buffer_.data() + position_;
    const void* newline = std::memchr(start, '\n', filled_ - position_);
    if (newline != nullptr) {
      const auto size = static_cast<size_t>(static_cast<const char*>(newline) - start);
      line.append(start, size);
      position_ += size + 1;
      return true;
    }
    line.append(start, filled_ - position_);
    position_ = filled_;
  }
}

std::optional<char> TextReader::next_byte() {
  if (position_ == filled_ && !fill()) return std::nullopt;
  return buffer_[position_++];
}

std::optional<char> TextReader::peek_text() const {
  const std::string_view ahead(buffer_.data() + position_, filled_ - position_);
  const size_t found = ahead.find_first_not_of(" \t\r\n");
  if (found == std::string_view::npos) return std::nullopt;
  return ahead[found];
}

}  // namespace retmask
