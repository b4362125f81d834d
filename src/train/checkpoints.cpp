#include "retmask/train/checkpoints.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/checkpoint/safetensors.h"
#include "retmask/model/device.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

constexpr const char* kPrefix = "step-";
constexpr const char* kTemporarySuffix = ".tmp";
constexpr const char* kTensorFile = "optimizer.safetensors";
constexpr const char* kStateFile = "state.json";

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

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) user_error("cannot remove ", folder, ": ", error.message());
}

TensorSpec spec_of(const std::string& name, const torch::Tensor& tensor) {
  return {name, from_torch(tensor.scalar_type()), tensor.sizes().vec()};
}

void write_tensors(const fs::path& path, const NamedTensors& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back(spec_of(name, tensor));
  SafetensorsWriter writer(path, specs);
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor bytes = tensor.detach().to(torch::kCPU).contiguous();
    writer.write({static_cast<const std::byte*>(bytes.const_data_ptr()), bytes.nbytes()});
  }
  writer.finish();
}

void read_tensors(const fs::path& path, const NamedTensors& tensors) {
  const SafetensorsFile file(path);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors) {
    const auto found = file.tensors().find(name);
    const TensorSpec expected = spec_of(name, tensor);
    if (found == file.tensors().end() || found->second.shape != expected.shape ||
        found->second.type != expected.type) {
      user_error(path, " does not fit the model at ", name, "; give a new --out to train anew");
    }
    auto* bytes = const_cast<std::byte*>(file.bytes(name).data());  // copy_ only reads them
    torch::Tensor(tensor).copy_(torch::from_blob(bytes, tensor.sizes(), tensor.scalar_type()));
  }
}

}  // namespace

TrainingCheckpoints::TrainingCheckpoints(fs::path dir, Json identity, int64_t keep_last)
    : dir_(std::move(dir)), identity_(std::move(identity)), keep_last_(keep_last) {
  if (!fs::exists(dir_)) return;
  std::vector<fs::path> half_written;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (entry.path().extension() == kTemporarySuffix) half_written.push_back(entry.path());
  }
  for (const fs::path& path : half_written) remove_folder(path);
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

std::optional<int64_t> TrainingCheckpoints::latest() const {
  const auto found = steps();
  if (found.empty()) return std::nullopt;
  return found.back();
}

void TrainingCheckpoints::save(const AdamW& optimizer) {
  const fs::path final_path = path_of(optimizer.steps_taken());
  const fs::path temporary = final_path.string() + kTemporarySuffix;
  make_output_dir(temporary);
  write_tensors(temporary / kTensorFile, optimizer.state());
  write_json_file(temporary / kStateFile,
                  {{"step", optimizer.steps_taken()}, {"identity", identity_}});
  sync_path(temporary);
  commit_path(temporary, final_path);
  sync_path(dir_);
  prune();
}

void TrainingCheckpoints::prune() const {
  std::vector<int64_t> found = steps();
  while (static_cast<int64_t>(found.size()) > keep_last_) {
    const fs::path oldest = path_of(found.front());
    // Renamed first: a kill in the middle of the removal must not leave half a state under a whole
    // one's name.
    const fs::path temporary = oldest.string() + kTemporarySuffix;
    commit_path(oldest, temporary);
    remove_folder(temporary);
    found.erase(found.begin());
  }
}

void TrainingCheckpoints::load(int64_t step, AdamW& optimizer) const {
  const fs::path folder = path_of(step);
  const Json state = read_json_file(folder / kStateFile, "training state");
  check_identity(json_get<Json>(state, "identity", (folder / kStateFile).string()),
                 identity_,
                 folder.string());
  read_tensors(folder / kTensorFile, optimizer.state());
  optimizer.restored(step);
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
             "; start with the same options and data or give a new --out");
}

}  // namespace retmask::train
