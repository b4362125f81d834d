#include "retmask/base/journal.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/stop_signals.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

// Read sizes: for scanning all rows, and for a single row.
constexpr size_t kPiece = 1 << 18;
constexpr size_t kRowPiece = 1 << 14;

// Appends up to `piece` bytes of the file, starting at `offset`; false at its end.
bool append_piece(int fd, int64_t offset, size_t piece, const fs::path& path, std::string& text) {
  const size_t before = text.size();
  text.resize(before + piece);
  ssize_t got = -1;
  do {
    got = ::pread(fd, text.data() + before, piece, offset);
  } while (got < 0 && errno == EINTR);
  if (got < 0) user_error("cannot read ", path, ": ", std::strerror(errno));
  text.resize(before + static_cast<size_t>(got));
  return got > 0;
}

}  // namespace

Journal::Journal(fs::path path, const Visitor& visit)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_.get() < 0) fail_to_write();
  // Two processes would overwrite each other's rows. File systems without locks are not protected.
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    user_error("cannot write ",
               path_,
               ": another process is writing it; wait for it to finish, or give another --out");
  }
  size_ = visit_whole_rows(visit);
  if (::ftruncate(file_.get(), size_) != 0) fail_to_write();
  if (size_ == 0) sync_folder_of(path_);  // the file may be new
}

int64_t Journal::visit_whole_rows(const Visitor& visit) const {
  std::string text;
  int64_t start = 0;   // of `text` in the file
  int64_t number = 0;  // line number
  while (
      append_piece(file_.get(), start + static_cast<int64_t>(text.size()), kPiece, path_, text)) {
    size_t begin = 0;
    for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      stop_point();
      const Json row = parse_json(std::string_view(text).substr(begin, end - begin),
                                  path_.string() + ":" + std::to_string(++number),
                                  kDeepestOwnJson);
      if (visit) visit(row, start + static_cast<int64_t>(begin));
    }
    text.erase(0, begin);
    start += static_cast<int64_t>(begin);
  }
  return start;  // the rest of `text` was torn by a kill: that row was never finished
}

std::vector<Json> Journal::rows() const {
  std::vector<Json> rows;
  visit_whole_rows([&](const Json& row, int64_t) { rows.push_back(row); });
  return rows;
}

Json Journal::read(int64_t offset) const {
  stop_point();
  std::string text;
  size_t end = std::string::npos;
  while (end == std::string::npos) {
    const size_t searched = text.size();
    const bool more =
        append_piece(file_.get(), offset + static_cast<int64_t>(searched), kRowPiece, path_, text);
    RETMASK_CHECK(more, path_, " has no row at byte ", offset);
    end = text.find('\n', searched);
  }
  return parse_json(std::string_view(text).substr(0, end), path_.string(), kDeepestOwnJson);
}

int64_t Journal::append(const Json& row) {
  const std::string line = dump_json_line(row) + "\n";
  const int64_t offset = size_;
  int64_t end = offset;
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::pwrite(file_.get(), rest.data(), rest.size(), end);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      // Truncate to the last complete row, so that finished rows stay readable.
      [[maybe_unused]] const int cut = ::ftruncate(file_.get(), offset);
      write_error(error,
                  "cannot write ",
                  path_,
                  ": ",
                  std::strerror(error),
                  "; finished rows are kept, run again to resume");
    }
    rest.remove_prefix(static_cast<size_t>(written));
    end += written;
  }
  if (::fdatasync(file_.get()) != 0 && errno != EINVAL) {  // EINVAL: a pipe or /dev/null
    write_error(errno, "cannot sync ", path_, ": ", std::strerror(errno));
  }
  size_ = end;
  return offset;
}

void Journal::fail_to_write() const {
  write_error(errno, "cannot write ", path_, ": ", std::strerror(errno));
}

}  // namespace retmask
