#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/checkpoint/safetensors.h"

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace fs = std::filesystem;

namespace retmask {
namespace {

constexpr size_t kSizeBytes = 8;              // size of the header length, a little-endian integer
constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr std::string_view kRepair = "; download or copy it again";

// A tensor's bytes [begin, end), relative to the end of the header.
struct Entry {
  TensorSpec spec;
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Size of the tensor in bytes. Sizes in a corrupt header may overflow, which is a UserError too.
uint64_t checked_num_bytes(const TensorSpec& spec, const std::string& where) {
  uint64_t bytes = element_size(spec.type);
  for (const int64_t extent : spec.shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) {
      user_error(where, " has the impossible shape ", format_shape(spec.shape), kRepair);
    }
  }
  return bytes;
}

std::vector<int64_t> integers(const Json& object,
                              const std::string& key,
                              const std::string& where) {
  const Json list = json_get<Json>(object, key, where);
  const auto is_integer = [](const Json& value) { return value.is_number_integer(); };
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_integer)) {
    user_error(where, ": \"", key, "\" is ", list.dump(), ", expected a list of integers", kRepair);
  }
  return list.get<std::vector<int64_t>>();
}

Entry parse_entry(const std::string& name, const Json& value, const std::string& file) {
  const std::string where = file + ": tensor \"" + name + "\"";
  if (!value.is_object()) user_error(where, " is not an object in the header", kRepair);
  Entry entry;
  entry.spec.name = name;
  entry.spec.type = tensor_type_from_name(json_get<std::string>(value, "dtype", where), where);
  entry.spec.shape = integers(value, "shape", where);
  const auto offsets = integers(value, "data_offsets", where);
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0]) {
    user_error(
        where, " has the data_offsets ", format_shape(offsets), ", expected [begin, end]", kRepair);
  }
  entry.begin = static_cast<uint64_t>(offsets[0]);
  entry.end = static_cast<uint64_t>(offsets[1]);
  const uint64_t expected = checked_num_bytes(entry.spec, where);
  if (entry.end - entry.begin != expected) {
    user_error(where,
               " of shape ",
               format_shape(entry.spec.shape),
               " and type ",
               safetensors_name(entry.spec.type),
               " needs ",
               expected,
               " bytes, its data_offsets give ",
               entry.end - entry.begin,
               kRepair);
  }
  return entry;
}

std::vector<Entry> parse_header(std::string_view text, const std::string& file) {
  const Json header = parse_json(text, "the header of " + file);
  if (!header.is_object()) user_error("the header of ", file, " is not a JSON object", kRepair);
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") entries.push_back(parse_entry(name, value, file));
  }
  return entries;
}

// The tensors must fill the data without gaps or overlaps, so that truncated or concatenated files
// are rejected.
void check_layout(std::vector<Entry>& entries, uint64_t data_size, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t position = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != position) {
      user_error(file,
                 ": tensor \"",
                 entry.spec.name,
                 "\" starts at byte ",
                 entry.begin,
                 ", expected ",
                 position,
                 " (the tensors ",
                 entry.begin < position ? "overlap" : "leave a gap",
                 ")",
                 kRepair);
    }
    position = entry.end;
  }
  if (position > data_size) {
    user_error(file,
               " is truncated: its header promises ",
               position,
               " bytes of tensors, it has ",
               data_size,
               kRepair);
  }
  if (position < data_size) {
    user_error(file, " has ", data_size - position, " bytes after its last tensor", kRepair);
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : path_(path) {
  map_file();
  try {
    read_header();
  } catch (...) {
    unmap();
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() { unmap(); }

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      tensors_(std::move(other.tensors_)),
      offsets_(std::move(other.offsets_)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      header_size_(std::exchange(other.header_size_, 0)) {}

void SafetensorsFile::map_file() {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) user_error("cannot read the weights ", path_, ": ", std::strerror(errno));
  struct stat status {};
  void* mapping = MAP_FAILED;
  const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = static_cast<size_t>(status.st_size);
  if (is_file && size >= kSizeBytes) mapping = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const std::string reason = std::strerror(errno);
  ::close(fd);  // the mapping keeps the file open
  if (!is_file) user_error("the weights ", path_, " are not a regular file");
  if (size < kSizeBytes) {
    user_error(path_,
               " is truncated: it has ",
               size,
               " bytes, a safetensors file has at least ",
               kSizeBytes,
               kRepair);
  }
  if (mapping == MAP_FAILED) user_error("cannot map the weights ", path_, ": ", reason);
  mapping_ = static_cast<const std::byte*>(mapping);
  size_ = size;
}

void SafetensorsFile::unmap() {
  if (mapping_ != nullptr) ::munmap(const_cast<std::byte*>(mapping_), size_);
  mapping_ = nullptr;
}

void SafetensorsFile::read_header() {
  const std::string file = path_.string();
  uint64_t header_size = 0;
  std::memcpy(&header_size, mapping_, kSizeBytes);
  if (header_size > kMaxHeader) {
    user_error(file,
               " is not a safetensors file: its first 8 bytes give a header of ",
               header_size,
               " bytes, at most ",
               kMaxHeader,
               " are allowed",
               kRepair);
  }
  if (header_size > size_ - kSizeBytes) {
    user_error(file,
               " is truncated: its header has ",
               header_size,
               " bytes, only ",
               size_ - kSizeBytes,
               " are there",
               kRepair);
  }
  header_size_ = kSizeBytes + header_size;
  const auto text =
      std::string_view(reinterpret_cast<const char*>(mapping_) + kSizeBytes, header_size);
  std::vector<Entry> entries = parse_header(text, file);
  check_layout(entries, size_ - header_size_, file);
  for (Entry& entry : entries) {
    const std::string name = entry.spec.name;
    offsets_[name] = header_size_ + entry.begin;
    tensors_[name] = std::move(entry.spec);
  }
}

std::span<const std::byte> SafetensorsFile::header() const { return {mapping_, header_size_}; }

std::span<const std::byte> SafetensorsFile::bytes(const std::string& name) const {
  const auto found = tensors_.find(name);
  RETMASK_CHECK(found != tensors_.end(), "no tensor ", name, " in ", path_);
  return {mapping_ + offsets_.at(name), found->second.num_bytes()};
}

void SafetensorsFile::release(const std::string& name) const {
  const std::span<const std::byte> tensor = bytes(name);
  // Whole pages, including neighbours' bytes on the first and last page.
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t begin = static_cast<size_t>(tensor.data() - mapping_) / page * page;
  const auto end = static_cast<size_t>(tensor.data() + tensor.size() - mapping_);
  const int failed =
      ::madvise(const_cast<std::byte*>(mapping_) + begin, end - begin, MADV_DONTNEED);
  RETMASK_CHECK(failed == 0, "madvise: ", std::strerror(errno));
}

}  // namespace retmask
