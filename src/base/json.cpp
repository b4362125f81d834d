#include "retmask/base/json.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

bool is_gzip_name(const fs::path& path) { return path.extension() == ".gz"; }

std::string at_line(const fs::path& path, int64_t line) {
  return path.string() + ":" + std::to_string(line);
}

// Reads plain and gzipped files alike, line by line.
class LineReader {
 public:
  LineReader(const fs::path& path, std::string_view what) : path_(path) {
    std::error_code error;
    if (!fs::exists(path, error)) user_error(what, " ", path, " does not exist");
    if (fs::is_directory(path, error)) user_error(what, " ", path, " is a folder, expected a file");
    file_ = gzopen(path.c_str(), "rb");
    if (file_ == nullptr) user_error("cannot read ", what, " ", path, ": ", std::strerror(errno));
    gzbuffer(file_, 1 << 17);
  }
  ~LineReader() { gzclose_r(file_); }
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  bool next(std::string& line) {
    line.clear();
    while (true) {
      if (position_ == filled_) {
        const int got = gzread(file_, buffer_, sizeof buffer_);
        int code = Z_OK;
        const char* reason = gzerror(file_, &code);
        if (got < 0 || code != Z_OK) user_error(path_, " is damaged: ", reason);
        if (got == 0) return !line.empty();
        position_ = 0;
        filled_ = static_cast<size_t>(got);
      }
      const char* start = buffer_ + position_;
      const void* newline = std::memchr(start, '\n', filled_ - position_);
      if (newline != nullptr) {
        const size_t size = static_cast<size_t>(static_cast<const char*>(newline) - start);
        line.append(start, size);
        position_ += size + 1;
        return true;
      }
      line.append(start, filled_ - position_);
      position_ = filled_;
    }
  }

 private:
  fs::path path_;
  gzFile file_ = nullptr;
  char buffer_[1 << 16];
  size_t position_ = 0;
  size_t filled_ = 0;
};

std::string gzip(const std::string& text) {
  z_stream stream{};
  // 15 + 16: the largest window, with a gzip header. The header's time stays 0, so equal text gives
  // equal bytes.
  RETMASK_CHECK(
      deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
      Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  RETMASK_CHECK(result == Z_STREAM_END);
  return out;
}

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    // nlohmann prefixes "[json.exception.parse_error.101] parse error at ...": the part behind the
    // bracket is for people.
    std::string reason = error.what();
    const auto bracket = reason.find("] ");
    if (bracket != std::string::npos) reason.erase(0, bracket + 2);
    user_error(where, " is not valid JSON: ", reason);
  }
}

Json read_json_file(const fs::path& path, std::string_view what) {
  return parse_json(read_text_file(path, what), path.string());
}

void write_json_file(const fs::path& path, const Json& value) {
  write_file_atomic(path, value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string dump_json_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void for_each_json_line(const fs::path& path,
                        std::string_view what,
                        const std::function<void(const Json&, int64_t)>& visit) {
  LineReader reader(path, what);
  std::string line;
  for (int64_t number = 1; reader.next(line); ++number) {
    if (!is_blank(line)) visit(parse_json(line, at_line(path, number)), number);
  }
}

std::vector<Json> read_json_lines(const fs::path& path, std::string_view what) {
  std::vector<Json> rows;
  for_each_json_line(path, what, [&](const Json& row, int64_t) { rows.push_back(row); });
  return rows;
}

void write_json_lines(const fs::path& path, const std::vector<Json>& rows) {
  std::string text;
  for (const Json& row : rows) text += dump_json_line(row) + "\n";
  write_file_atomic(path, is_gzip_name(path) ? gzip(text) : text);
}

Journal::Journal(fs::path path) : path_(std::move(path)) {
  std::error_code error;
  if (fs::exists(path_, error)) {
    const std::string content = read_text_file(path_, "journal");
    size_t start = 0;
    for (int64_t number = 1; start < content.size(); ++number) {
      const size_t end = content.find('\n', start);
      if (end == std::string::npos) break;  // torn by a kill: this row was never finished
      rows_.push_back(
          parse_json(std::string_view(content).substr(start, end - start), at_line(path_, number)));
      start = end + 1;
    }
    size_ = static_cast<int64_t>(start);
  }
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0 || ::ftruncate(fd_, size_) != 0 || ::lseek(fd_, size_, SEEK_SET) != size_) {
    const std::string reason = std::strerror(errno);
    if (fd_ >= 0) ::close(fd_);
    user_error("cannot write ", path_, ": ", reason);
  }
}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

void Journal::append(const Json& row) {
  const std::string line = dump_json_line(row) + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const std::string reason = std::strerror(errno);
      // Back to the last whole row, so that what was finished stays readable.
      if (::ftruncate(fd_, size_) == 0) ::lseek(fd_, size_, SEEK_SET);
      user_error(
          "cannot write ", path_, ": ", reason, "; what was finished is kept, run again to go on");
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (::fdatasync(fd_) != 0 && errno != EINVAL) {  // EINVAL: a pipe or /dev/null
    user_error("cannot sync ", path_, ": ", std::strerror(errno));
  }
  size_ += static_cast<int64_t>(line.size());
}

}  // namespace retmask
