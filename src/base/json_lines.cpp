#include <zlib.h>

#include <array>
#include <optional>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/json.h"
#include "retmask/base/stop_signals.h"
#include "retmask/base/text_reader.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

bool is_gzip_name(const fs::path& path) { return path.extension() == ".gz"; }

// Compresses its input into `file`.
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
  TextReader reader(path, what);
  std::string line;
  for (int64_t number = 1; reader.next_line(line); ++number) {
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

  // Fixed-size pieces, so that the gzip output depends on the text alone.
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
