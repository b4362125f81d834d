#include "checkpoints.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <exception>
#include <memory>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/checkpoint/safetensors.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

constexpr const char* kPrefix = "step-";
constexpr const char* kTemporarySuffix = ".tmp";
constexpr const char* kReplacedSuffix = ".old";  // followed by the id of the replacing process
constexpr const char* kStateFile = "state.json";
constexpr const char* kNoteSuffix = ".json";  // a rank's size and hash, until state.json has them

std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const char* begin = name.data() + std::strlen(kPrefix);
  const char* end = name.data() + name.size();
  int64_t step = 0;
  const auto result = std::from_chars(begin, end, step);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return step;
}

// "step-12" for "step-12.old345", a state that was renamed to make room for a new one of the same
// step; nothing for other names.
std::optional<fs::path> replaced_state(const fs::path& folder) {
  const std::string ending = folder.extension();
  const auto digits = ending.find_first_not_of("0123456789", std::strlen(kReplacedSuffix));
  if (!ending.starts_with(kReplacedSuffix) || digits != std::string::npos) return std::nullopt;
  return folder.parent_path() / folder.stem();
}

// Throws UserError when a state.json lacks a key or a value has the wrong type.
void check_form(const Json& state, int64_t step, const std::string& where) {
  const auto ranks = json_get<int64_t>(state, "ranks", where);
  const auto files = json_get<Json>(state, "files", where);
  if (json_get<int64_t>(state, "step", where) != step) {
    user_error(where, " is of step ", state.at("step"));
  }
  if (ranks < 1 || !files.is_array() || static_cast<int64_t>(files.size()) != ranks) {
    user_error(where, ": \"files\" does not hold one entry for each rank");
  }
  for (const Json& file : files) {
    json_get<uint64_t>(file, "bytes", where);
    json_get<std::string>(file, "sha256", where);
  }
  for (const char* key : {"units", "identity"}) json_get<Json>(state, key, where);
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) write_error(error.value(), "cannot remove ", folder, ": ", error.message());
}

// Runs `work` on every rank and waits for all. If it fails on one rank, that rank rethrows the
// error and the others throw PeerLost.
template <typename Work>
void together(distributed::ProcessGroup& group, const Work& work) {
  std::exception_ptr own;
  try {
    work();
  } catch (const std::exception&) {
    own = std::current_exception();
  }
  if (!group.any(own != nullptr)) return;
  if (own) std::rethrow_exception(own);
  throw distributed::PeerLost("another rank could not write its part of a training state");
}

// A rank's file in a state's folder.
std::string state_file_name(int64_t rank) {
  return "rank-" + std::to_string(rank) + ".safetensors";
}

std::string tensor_name(const std::string& kind, const ParameterUnit& unit) {
  return kind + "." + unit.name;
}

// This rank's slice of one of a unit's tensors, on the CPU.
torch::Tensor own_slice(const torch::Tensor& tensor,
                        const AdamW& optimizer,
                        size_t unit,
                        const distributed::ProcessGroup& group) {
  const int64_t length = optimizer.parameters().unit(unit).slice_length(group.size());
  const int64_t begin = group.rank() * length - optimizer.parameters().begin(unit);
  return tensor.detach().narrow(0, begin, length).to(torch::kCPU).contiguous();
}

// Writes this rank's slices. In stage 0, where every rank holds everything, it writes the even
// slice that the other stages would keep, so any stage can resume from any other's state. Returns
// {"bytes", "sha256"}. Throws UserError.
Json write_state_file(const fs::path& path,
                      const AdamW& optimizer,
                      const distributed::ProcessGroup& group) {
  const ShardedParameters& parameters = optimizer.parameters();
  std::vector<TensorSpec> specs;
  for (size_t u = 0; u < parameters.num_units(); ++u) {
    for (const char* kind : kStateNames) {
      specs.push_back({.name = tensor_name(kind, parameters.unit(u)),
                       .type = TensorType::float32,
                       .shape = {parameters.unit(u).slice_length(group.size())}});
    }
  }
  SafetensorsWriter writer(path, specs);
  for (size_t u = 0; u < parameters.num_units(); ++u) {
    for (const auto& [kind, tensor] : optimizer.state(u)) {
      const torch::Tensor slice = own_slice(tensor, optimizer, u, group);
      writer.write({static_cast<const std::byte*>(slice.const_data_ptr()), slice.nbytes()});
    }
  }
  writer.finish();
  return {{"bytes", fs::file_size(path)}, {"sha256", sha256_file(path)}};
}

// The files of a state's folder, opened on demand.
class StateFiles {
 public:
  StateFiles(fs::path folder, int64_t ranks)
      : folder_(std::move(folder)), files_(static_cast<size_t>(ranks)) {}

  // Fills `into` with the elements of tensor `name` from `begin`; the tensor is cut into slices of
  // `length`.
  void read(const std::string& name, int64_t length, int64_t begin, const torch::Tensor& into) {
    const int64_t unit_end = length * static_cast<int64_t>(files_.size());
    int64_t done = 0;
    while (done < into.size(0) && begin + done < unit_end) {
      const int64_t position = begin + done;
      const auto rank = static_cast<size_t>(position / length);
      const int64_t offset = position % length;
      const int64_t count = std::min(length - offset, into.size(0) - done);
      auto* bytes = const_cast<std::byte*>(slice(rank, name, length).data());  // only read
      into.narrow(0, done, count)
          .copy_(torch::from_blob(bytes, {length}, torch::kFloat32).narrow(0, offset, count));
      done += count;
    }
  }

 private:
  std::span<const std::byte> slice(size_t rank, const std::string& name, int64_t length) {
    const fs::path path = folder_ / state_file_name(static_cast<int64_t>(rank));
    if (!files_[rank]) files_[rank] = std::make_unique<SafetensorsFile>(path);
    const auto found = files_[rank]->tensors().find(name);
    if (found == files_[rank]->tensors().end() || found->second.type != TensorType::float32 ||
        found->second.shape != std::vector<int64_t>{length}) {
      user_error(path, " does not fit the model at ", name, "; give a new --out to start over");
    }
    return files_[rank]->bytes(name);
  }

  fs::path folder_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
};

// Restores this rank's part from the files of the `ranks` ranks that wrote `folder`. Throws
// UserError when a file does not have the expected tensors.
void read_state_files(const fs::path& folder, int64_t ranks, AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  const ShardedParameters& parameters = optimizer.parameters();
  StateFiles files(folder, ranks);
  for (size_t u = 0; u < parameters.num_units(); ++u) {
    const ParameterUnit& unit = parameters.unit(u);
    const NamedTensors state = optimizer.state(u);
    for (const auto& [kind, tensor] : state) {
      files.read(tensor_name(kind, unit), unit.slice_length(ranks), parameters.begin(u), tensor);
    }
    optimizer.put_back(u, state);
  }
}

// {"name", "length", "parameters": [{"name", "offset", "shape"}]} of each unit.
Json describe_units(const ShardedParameters& parameters) {
  Json units = Json::array();
  for (size_t u = 0; u < parameters.num_units(); ++u) {
    const ParameterUnit& unit = parameters.unit(u);
    Json members = Json::array();
    for (const UnitParameter& parameter : unit.parameters) {
      members.push_back({{"name", parameter.name},
                         {"offset", parameter.offset},
                         {"shape", parameter.tensor.sizes().vec()}});
    }
    units.push_back({{"name", unit.name}, {"length", unit.length}, {"parameters", members}});
  }
  return units;
}

}  // namespace

TrainingCheckpoints::TrainingCheckpoints(fs::path dir,
                                         Json identity,
                                         int64_t keep_last,
                                         distributed::ProcessGroup& group)
    : dir_(std::move(dir)), identity_(std::move(identity)), keep_last_(keep_last), group_(group) {
  check_identities();
  if (!group_.is_first() || !fs::exists(dir_)) return;
  clear_leftovers();
  check_identities();  // of the states that clear_leftovers restored
}

void TrainingCheckpoints::clear_leftovers() const {
  std::vector<fs::path> half_written;
  std::vector<fs::path> replaced;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    const fs::path& path = entry.path();
    const auto state = replaced_state(path);
    if (path.extension() == kTemporarySuffix) {
      if (step_of(path.stem())) half_written.push_back(path);
    } else if (state && (step_of(*state) || state->extension() == kTemporarySuffix)) {
      replaced.push_back(path);
    }
  }
  for (const fs::path& path : half_written) remove_folder(path);
  for (const fs::path& path : replaced) {
    // Killed between two renames: restore the old state if no new one took its place.
    const fs::path state = *replaced_state(path);
    std::error_code error;
    if (step_of(state) && !fs::exists(state)) fs::rename(path, state, error);
    if (fs::exists(path)) remove_folder(path);
  }
}

fs::path TrainingCheckpoints::path_of(int64_t step) const {
  return dir_ / (kPrefix + std::to_string(step));
}

std::vector<int64_t> TrainingCheckpoints::steps() const {
  std::vector<int64_t> found;
  if (!fs::exists(dir_)) return found;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (const auto step = step_of(entry.path())) found.push_back(*step);
  }
  std::sort(found.begin(), found.end());
  return found;
}

void TrainingCheckpoints::check_identities() const {
  for (const int64_t step : steps()) {
    const fs::path folder = path_of(step);
    Json found;
    try {
      const Json state = read_json_file(folder / kStateFile, "training state");
      found = json_get<Json>(state, "identity", folder.string());
    } catch (const UserError&) {  // load() reports it and falls back to the previous one
      continue;
    }
    check_identity(found, identity_, folder.string());
  }
}

std::optional<int64_t> TrainingCheckpoints::load(AdamW& optimizer) {
  std::vector<int64_t> candidates = steps();
  while (true) {
    // Rank 0 decides: a shared file system may show a new folder to one node earlier than another.
    const int64_t own = !group_.is_first() || candidates.empty() ? 0 : candidates.back();
    const auto step = static_cast<int64_t>(group_.sum({static_cast<double>(own)}).front());
    if (step == 0) return std::nullopt;
    const fs::path folder = path_of(step);
    const std::string found = damage(folder);
    if (group_.any(!found.empty())) {
      if (!found.empty())
        log::warn("skipping the training state " + folder.string() + ": " + found);
      if (group_.is_first()) candidates.pop_back();
      continue;
    }
    const std::string where = (folder / kStateFile).string();
    const Json state = read_json_file(folder / kStateFile, "training state");
    if (json_get<Json>(state, "units", where) != describe_units(optimizer.parameters())) {
      user_error(folder, " does not fit the model; give a new --out to start over");
    }
    read_state_files(folder, json_get<int64_t>(state, "ranks", where), optimizer);
    optimizer.restored(step);
    newest_ = step;
    return step;
  }
}

std::string TrainingCheckpoints::damage(const fs::path& folder) const {
  const std::string where = (folder / kStateFile).string();
  Json files;
  try {
    const Json state = read_json_file(folder / kStateFile, "training state");
    check_form(state, step_of(folder).value_or(-1), where);
    files = state.at("files");
  } catch (const UserError& error) {
    return error.what();
  }
  for (auto rank = group_.rank(); rank < static_cast<int64_t>(files.size());
       rank += group_.size()) {
    const fs::path path = folder / state_file_name(rank);
    const Json& file = files[static_cast<size_t>(rank)];
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (error) return path.string() + ": " + error.message();
    if (size != json_get<uint64_t>(file, "bytes", where) ||
        sha256_file(path) != json_get<std::string>(file, "sha256", where)) {
      return path.string() + " has changed since it was written";
    }
  }
  return "";
}

void TrainingCheckpoints::save(const AdamW& optimizer) {
  const fs::path temporary = path_of(optimizer.steps_taken()).string() + kTemporarySuffix;
  try {
    write(temporary, optimizer);
    newest_ = optimizer.steps_taken();
  } catch (const std::exception&) {
    std::error_code ignored;  // the original error is the one to report
    if (group_.is_first()) fs::remove_all(temporary, ignored);
    throw;
  }
}

void TrainingCheckpoints::write(const fs::path& temporary, const AdamW& optimizer) {
  together(group_, [&] {
    if (!group_.is_first()) return;
    fs::remove_all(temporary);
    make_output_dir(temporary);
  });
  together(group_, [&] {
    const fs::path file = temporary / state_file_name(group_.rank());
    write_json_file(file.string() + kNoteSuffix, write_state_file(file, optimizer, group_));
  });
  together(group_, [&] {
    if (!group_.is_first()) return;
    commit(temporary, optimizer);
    prune();
  });
}

void TrainingCheckpoints::commit(const fs::path& temporary, const AdamW& optimizer) const {
  Json files = Json::array();
  for (int64_t rank = 0; rank < group_.size(); ++rank) {
    const fs::path note = (temporary / state_file_name(rank)).string() + kNoteSuffix;
    files.push_back(read_json_file(note, "note on a training state"));
    fs::remove(note);
  }
  write_json_file(temporary / kStateFile,
                  {{"step", optimizer.steps_taken()},
                   {"ranks", group_.size()},
                   {"files", files},
                   {"units", describe_units(optimizer.parameters())},
                   {"identity", identity_}});
  sync_path(temporary);
  commit_path(temporary, path_of(optimizer.steps_taken()));
  sync_path(dir_);
}

void TrainingCheckpoints::prune() const {
  std::vector<int64_t> found = steps();
  while (static_cast<int64_t>(found.size()) > keep_last_) {
    const fs::path oldest = path_of(found.front());
    // Renamed first: a kill during the removal must not leave half a state under a valid name.
    const fs::path temporary = oldest.string() + kTemporarySuffix;
    commit_path(oldest, temporary);
    remove_folder(temporary);
    found.erase(found.begin());
  }
}

void check_identity(const Json& found, const Json& expected, const std::string& where) {
  if (found == expected) return;
  std::string differences;
  for (const auto& [key, value] : expected.items()) {
    const Json& there = found.contains(key) ? found.at(key) : Json();
    if (there == value) continue;
    differences += (differences.empty() ? "" : ", ") + key + " was " + there.dump() + " and is " +
                   value.dump();
  }
  user_error(where,
             " belongs to another run: ",
             differences,
             "; use the same options and data, or give a new --out");
}

SaveSchedule::SaveSchedule(const Options& options)
    : save_every_(options.save_every), save_minutes_(options.save_minutes) {}

bool SaveSchedule::due(int64_t step) const {
  if (save_every_ > 0 && step % save_every_ == 0) return true;
  const std::chrono::duration<double, std::ratio<60>> minutes = Clock::now() - last_;
  return save_minutes_ > 0 && minutes.count() >= save_minutes_;
}

void SaveSchedule::saved() { last_ = Clock::now(); }

}  // namespace retmask::train
