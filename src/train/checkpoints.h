#pragma once
// Training states on disk: <dir>/step-N, whole or absent. Every rank writes and reads its own part.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "optimizer.h"
#include "retmask/base/json.h"
#include "retmask/distributed/process_group.h"

namespace retmask::train {

// A state is the optimizer's (float32 weights, both moments) and the step. Order of the data and
// everything else follow from the step and the options. Its folder holds rank-0.safetensors .. and
// state.json with the step, the run's identity, the layout and every file's size and SHA-256. All
// ranks call each of these together.
class TrainingCheckpoints {
 public:
  // `identity`: whatever must be equal for a run to go on (options, weights, data). Throws
  // UserError when there is a state of another run (lists the differences). Clears what a kill left
  // half written. `group` outlives this object.
  TrainingCheckpoints(std::filesystem::path dir,
                      Json identity,
                      int64_t keep_last,
                      distributed::ProcessGroup& group);

  // Continues from the newest state whose files are as they were written, at any number of ranks
  // and any stage; warns of newer ones that are damaged. Returns its step, or nothing without a
  // state. Throws UserError when it does not fit the model.
  std::optional<int64_t> load(AdamW& optimizer);

  // Whether there is one to go on from, damaged or not.
  bool has_state() const { return !steps().empty(); }
  // The step of the state that was loaded or saved last; 0: none was.
  int64_t newest() const { return newest_; }

  // Throws UserError when the disk is full on this rank, PeerLost when it is on another one; older
  // states are untouched then. Removes those beyond keep_last.
  void save(const AdamW& optimizer);

 private:
  std::filesystem::path path_of(int64_t step) const;
  std::vector<int64_t> steps() const;  // ascending
  // What is wrong with a state; empty when nothing is.
  std::string damage(const std::filesystem::path& folder) const;
  void write(const std::filesystem::path& temporary, const AdamW& optimizer);
  void commit(const std::filesystem::path& temporary, const AdamW& optimizer) const;
  void prune() const;
  void clear_leftovers() const;
  void check_identities() const;

  std::filesystem::path dir_;
  const Json identity_;
  int64_t keep_last_;
  distributed::ProcessGroup& group_;
  int64_t newest_ = 0;
};

// Throws UserError that lists the keys in which two identities differ; `where` names the file of
// `found`.
void check_identity(const Json& found, const Json& expected, const std::string& where);

}  // namespace retmask::train
