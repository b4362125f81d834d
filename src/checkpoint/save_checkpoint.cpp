#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <utility>

#include "file_names.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/checkpoint/checkpoint.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

// A list, because entries are added and removed while the caller iterates.
std::vector<fs::path> list_files(const fs::path& dir) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(dir)) paths.push_back(entry.path());
  return paths;
}

// The file's state after writing: another size or time means that someone else changed it.
Json stamp(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return nullptr;
  const int64_t modified = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return {{"name", path.filename().string()}, {"bytes", status.st_size}, {"modified", modified}};
}

bool is_part_of_checkpoint(const std::string& name) {
  return name == kConfigFile || is_weight_file(name) || is_carried_file(name);
}

// The checkpoint files in `dir`, config.json first; each must be listed in `own`.
std::vector<fs::path> own_checkpoint(const fs::path& dir, const Json& own) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (!is_part_of_checkpoint(entry.path().filename().string())) continue;
    if (std::find(own.begin(), own.end(), stamp(entry.path())) == own.end()) {
      user_error(entry.path(),
                 " was not written by this run, or was changed since; it would be replaced or "
                 "mixed with the new checkpoint: give another --out, or move it away");
    }
    files.push_back(entry.path());
  }
  std::partition(files.begin(), files.end(), [](const fs::path& file) {
    return file.filename() == kConfigFile;
  });
  return files;
}

// Staging folder for the new files. It is inside the target, so that the last step is a rename even
// if the target is a mount point or its parent is not writable. Removed with its contents unless
// committed.
class Staging {
 public:
  explicit Staging(fs::path target)
      : target_(std::move(target)), dir_(target_ / ".checkpoint.tmp") {
    std::error_code error;
    made_target_ = !fs::exists(target_, error);
    make_output_dir(target_);
    fs::remove_all(dir_, error);  // left by a killed run
    make_output_dir(dir_);
  }
  ~Staging() {
    std::error_code error;
    fs::remove_all(dir_, error);
    if (made_target_ && !committed_) fs::remove(target_, error);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const fs::path& dir() const { return dir_; }

  // Replaces an older checkpoint's files with the staged ones. config.json is removed first and
  // added last, since a folder without it does not load: a kill in between leaves nothing that
  // loads with mixed weights.
  void commit(const SaveOptions& options) {
    const std::vector<fs::path> older = own_checkpoint(target_, options.own_files);
    if (options.announce) {
      Json files = Json::array();
      for (const fs::path& path : older) files.push_back(stamp(path));
      for (const fs::path& path : list_files(dir_)) files.push_back(stamp(path));
      options.announce(files);
    }
    for (const fs::path& path : older) remove_file(path);
    for (const fs::path& path : list_files(dir_)) {
      if (path.filename() != kConfigFile) move_to_target(path);
    }
    sync_path(target_);
    move_to_target(dir_ / kConfigFile);
    sync_path(target_);
    committed_ = true;
  }

 private:
  static void remove_file(const fs::path& path) {
    std::error_code error;
    fs::remove(path, error);
    if (error) write_error(error.value(), "cannot replace ", path, ": ", error.message());
  }
  void move_to_target(const fs::path& staged) {
    std::error_code error;
    const fs::path path = target_ / staged.filename();
    fs::rename(staged, path, error);
    if (error) write_error(error.value(), "cannot write ", path, ": ", error.message());
  }

  fs::path target_;
  fs::path dir_;
  bool made_target_ = false;
  bool committed_ = false;
};

// Fills shards in order; none exceeds the limit unless a single tensor does.
std::vector<std::vector<TensorSpec>> split_into_shards(const std::vector<TensorSpec>& specs,
                                                       int64_t max_shard_bytes) {
  std::vector<std::vector<TensorSpec>> shards(1);
  size_t filled = 0;
  for (const TensorSpec& spec : specs) {
    if (filled > 0 && filled + spec.num_bytes() > static_cast<size_t>(max_shard_bytes)) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(spec);
    filled += spec.num_bytes();
  }
  return shards;
}

Json make_index(const std::vector<std::vector<TensorSpec>>& shards) {
  size_t total_bytes = 0;
  int64_t total_elements = 0;
  Json file_of = Json::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    for (const TensorSpec& spec : shards[i]) {
      file_of[spec.name] = shard_file_name(i, shards.size());
      total_bytes += spec.num_bytes();
      total_elements += spec.num_elements();
    }
  }
  return {{"metadata", {{"total_parameters", total_elements}, {"total_size", total_bytes}}},
          {"weight_map", file_of}};
}

void write_shard(const fs::path& path,
                 const std::vector<TensorSpec>& specs,
                 const std::function<void(const TensorSpec&, const ByteSink&)>& write_tensor) {
  SafetensorsWriter writer(path, specs);
  for (const TensorSpec& spec : specs) {
    size_t given = 0;
    write_tensor(spec, [&](std::span<const std::byte> bytes) {
      given += bytes.size();
      writer.write(bytes);
    });
    RETMASK_CHECK(
        given == spec.num_bytes(), spec.name, " got ", given, " of ", spec.num_bytes(), " bytes");
  }
  writer.finish();
}

void copy_carried_files(const fs::path& source_dir, const fs::path& dir) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(source_dir, error)) {
    const fs::path name = entry.path().filename();
    if (entry.is_regular_file() && is_carried_file(name.string())) {
      write_file_atomic(dir / name, read_text_file(entry.path(), "file"));
    }
  }
  if (error) user_error("cannot read the model folder ", source_dir, ": ", error.message());
}

}  // namespace

void check_checkpoint_folder(const fs::path& dir, const Json& own_files) {
  own_checkpoint(dir, own_files);
}

void save_checkpoint(const fs::path& dir,
                     const fs::path& source_dir,
                     const Json& config,
                     const std::vector<TensorSpec>& specs,
                     const std::function<void(const TensorSpec&, const ByteSink&)>& write_tensor,
                     const SaveOptions& options) {
  RETMASK_CHECK(options.max_shard_bytes > 0);
  check_checkpoint_folder(dir, options.own_files);
  Staging staging(dir);
  copy_carried_files(source_dir, staging.dir());
  const auto shards = split_into_shards(specs, options.max_shard_bytes);
  if (shards.size() == 1) {
    write_shard(staging.dir() / kSingleFile, specs, write_tensor);
  } else {
    for (size_t i = 0; i < shards.size(); ++i) {
      write_shard(staging.dir() / shard_file_name(i, shards.size()), shards[i], write_tensor);
    }
    write_json_file(staging.dir() / kIndexFile, make_index(shards));
  }
  write_json_file(staging.dir() / kConfigFile, config);
  staging.commit(options);
}

}  // namespace retmask
