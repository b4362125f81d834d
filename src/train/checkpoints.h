#pragma once
// Training states on disk, and when to save them: <dir>/step-N, complete or absent. Every rank
// writes and reads its own part.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "optimizer.h"
#include "retmask/base/json.h"
#include "retmask/distributed/process_group.h"
#include "retmask/train/options.h"

namespace retmask::train {

// A state is the optimizer's (float32 weights, both moments) and the step; the data order and
// everything else follow from the step and the options. Its folder holds rank-N.safetensors and
// state.json with the step, the run's identity, the layout, and each file's size and SHA-256.
// All member functions are collective.
class TrainingCheckpoints {
 public:
  // `identity`: what must match for a run to resume (options, weights, data). Throws UserError that
  // lists the differences when the folder holds a state of another run. Removes half-written
  // states. `group` outlives this object.
  TrainingCheckpoints(std::filesystem::path dir,
                      Json identity,
                      int64_t keep_last,
                      distributed::ProcessGroup& group);

  // Loads the newest intact state, whatever number of ranks and ZeRO stage wrote it; warns about
  // newer states that are damaged. Returns its step, or nothing without a state. Throws UserError
  // when it does not fit the model.
  std::optional<int64_t> load(AdamW& optimizer);

  // Whether there is a state, damaged or not.
  bool has_state() const { return !steps().empty(); }
  // The step of the state loaded or saved last; 0 if none.
  int64_t newest() const { return newest_; }

  // Saves a state, then removes the oldest beyond keep_last. Throws UserError when the disk is full
  // on this rank, PeerLost when it is full on another; older states are untouched then.
  void save(const AdamW& optimizer);

 private:
  std::filesystem::path path_of(int64_t step) const;
  std::vector<int64_t> steps() const;  // ascending
  // What is wrong with a state; empty if it is intact.
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

// When to save: every --save-every steps, and after the first step that ends --save-minutes or more
// after the last save (or the start).
class SaveSchedule {
 public:
  explicit SaveSchedule(const Options& options);

  // After `step` (counted from 1).
  bool due(int64_t step) const;
  // Restarts the minutes after a save.
  void saved();

 private:
  using Clock = std::chrono::steady_clock;
  int64_t save_every_;
  double save_minutes_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace retmask::train
