#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/json.h"
#include "retmask/base/stop_signals.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

bool is_gzip_name(const fs::path& path) { return path.extension() == ".gz"; }

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

// Packs what passes into `file`.
class GzipStream {
 public:
  explicit GzipStream(AtomicFile& file) : file_(file) {
    // 15 + 16: the largest window, with a gzip header. The header's time stays 0, so equal text
    // gives equal bytes.
    RETMASK_CHECK(
        deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
        Z_OK);
  }
  ~GzipStream() { deflateEnd(&stream_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  void write(std::string_view bytes) { pack(bytes, Z_NO_FLUSH); }
  void finish() { pack({}, Z_FINISH); }

 private:
  void pack(std::string_view bytes, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(packed_.data());
      stream_.avail_out = static_cast<uInt>(packed_.size());
      RETMASK_CHECK(deflate(&stream_, flush) != Z_STREAM_ERROR);
      file_.write({packed_.data(), packed_.size() - stream_.avail_out});
    } while (stream_.avail_out == 0);
  }

  AtomicFile& file_;
  z_stream stream_{};
  std::array<char, 1 << 16> packed_{};
};

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

}  // namespace

void for_each_json_line(const fs::path& path,
                        std::string_view what,
                        const std::function<void(const Json&, int64_t)>& visit) {
  LineReader reader(path, what);
  std::string line;
  for (int64_t number = 1; reader.next(line); ++number) {
    stop_point();
    if (!is_blank(line))
      visit(parse_json(line, path.string() + ":" + std::to_string(number)), number);
  }
}

std::vector<Json> read_json_lines(const fs::path& path, std::string_view what) {
  std::vector<Json> rows;
  for_each_json_line(path, what, [&](const Json& row, int64_t) { rows.push_back(row); });
  return rows;
}

struct JsonLinesWriter::Impl {
  explicit Impl(const fs::path& path) : file(path) {
    if (is_gzip_name(path)) gzip.emplace(file);
  }

  // In pieces of one size, so that what gzip makes of them depends on the text alone.
  void pass_on(std::string_view bytes) {
    if (gzip) {
      gzip->write(bytes);
    } else {
      file.write(bytes);
    }
  }

  AtomicFile file;
  std::optional<GzipStream> gzip;
  std::string waiting;
};

JsonLinesWriter::JsonLinesWriter(const fs::path& path) : impl_(std::make_unique<Impl>(path)) {}

JsonLinesWriter::~JsonLinesWriter() = default;

void JsonLinesWriter::append(const Json& row) {
  constexpr size_t kPiece = 1 << 16;
  std::string& waiting = impl_->waiting;
  waiting += dump_json_line(row) + "\n";
  size_t done = 0;
  for (; waiting.size() - done >= kPiece; done += kPiece) {
    impl_->pass_on(std::string_view(waiting).substr(done, kPiece));
  }
  waiting.erase(0, done);
}

void JsonLinesWriter::commit() {
  impl_->pass_on(impl_->waiting);
  if (impl_->gzip) impl_->gzip->finish();
  impl_->file.commit();
}

void write_json_lines(const fs::path& path, const std::vector<Json>& rows) {
  JsonLinesWriter writer(path);
  for (const Json& row : rows) writer.append(row);
  writer.commit();
}

}  // namespace retmask
