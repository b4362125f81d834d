#include "state_files.h"

#include <algorithm>
#include <memory>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/checkpoint/safetensors.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

// This rank's slice of one of a unit's tensors, on the CPU.
torch::Tensor own_slice(const torch::Tensor& tensor,
                        const AdamW& optimizer,
                        size_t unit,
                        const distributed::ProcessGroup& group) {
  const int64_t length = optimizer.parameters().unit(unit).slice_length(group.size());
  const int64_t begin = group.rank() * length - optimizer.parameters().begin(unit);
  return tensor.detach().narrow(0, begin, length).to(torch::kCPU).contiguous();
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

std::string tensor_name(const std::string& kind, const ParameterUnit& unit) {
  return kind + "." + unit.name;
}

}  // namespace

std::string state_file_name(int64_t rank) {
  return "rank-" + std::to_string(rank) + ".safetensors";
}

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

}  // namespace retmask::train
