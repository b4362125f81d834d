#pragma once
// Training states on disk: <dir>/step-N, whole or absent.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "retmask/base/json.h"
#include "retmask/train/optimizer.h"

namespace retmask::train {

// A state is the optimizer's (float32 weights, both moments) and the step. Order of the data and
// everything else follow from the step and the options.
class TrainingCheckpoints {
 public:
  // `identity`: whatever must be equal for a run to go on (options, weights, data). Clears what a
  // kill left half written.
  TrainingCheckpoints(std::filesystem::path dir, Json identity, int64_t keep_last);

  // Steps done by the newest state, or nothing.
  std::optional<int64_t> latest() const;
  // Throws UserError when the disk is full; older states are untouched then. Removes those beyond
  // keep_last.
  void save(const AdamW& optimizer);
  // Continues from latest(). Throws UserError when the state belongs to another run (lists the
  // differences) or does not fit the model.
  void load(int64_t step, AdamW& optimizer) const;

 private:
  std::filesystem::path path_of(int64_t step) const;
  std::vector<int64_t> steps() const;  // ascending
  void prune() const;

  std::filesystem::path dir_;
  Json identity_;
  int64_t keep_last_;
};

// Throws UserError that lists the keys in which two identities differ; `where` names the file of
// `found`.
void check_identity(const Json& found, const Json& expected, const std::string& where);

}  // namespace retmask::train
