#pragma once
// Inputs that change from one decoding step to the next, in device buffers at fixed addresses: a
// CUDA graph reads them at every replay.

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "retmask/engine/sampler.h"
#include "retmask/model/heads.h"
#include "running.h"

namespace retmask {

// The policies of the sequences as rows of one gate tensor: a row of the batch then needs only an
// index.
class PolicyTable {
 public:
  // One row per policy.
  struct Rows {
    torch::Tensor gates;  // [capacity, L, H] float32
    torch::Tensor means;  // [capacity, L, H, D]; as DecodeBatch::means
  };

  PolicyTable(const InferenceLm& model, int64_t capacity);

  // On the device. The gates are at a fixed address; so are the means as soon as a policy has some.
  const Rows& rows() const { return device_; }
  struct Numbers {
    std::vector<int64_t> of_sequences;  // the policy index of each sequence
    Rows changed;                       // for upload(); undefined if nothing changed, as usual
  };
  // At most `capacity` sequences.
  Numbers numbers_of(const std::vector<const Sequence*>& sequences);
  // Waits for a GPU.
  void upload(const Rows& changed);

 private:
  bool add_missing(const std::vector<const Sequence*>& sequences, bool& any_new);
  void set_means(int64_t number, const HeadMask& mask);

  const InferenceLm& model_;
  Rows host_, device_;
  std::map<HeadMask, int64_t> numbers_;
};

class DecodeInputs {
 public:
  // One 64-bit value per row; float64 values are stored bit for bit.
  enum Field : int64_t {
    token,   // the newest token, where the host knows it
    source,  // else its index in the previous step's outputs; -1: the host knows it
    past,
    table_start,
    policy,
    uniform,
    inverse_temperature,
    top_p,
    min_p,
    top_k,
    kNumFields,
  };

  DecodeInputs(const InferenceLm& model, int64_t max_rows);

  // Where stage() left the inputs of a step.
  struct Staged {
    size_t staging;
    int64_t num_blocks;
    PolicyTable::Rows new_policies;
  };
  // Writes the state of the sequences for the next step to host memory; sources[i] as in Field.
  // Draws one number from the random stream of each sequence that the device samples (`on_device`).
  // The remaining rows up to `padded` have no sequence. The upload of the step before last must
  // have ended.
  Staged stage(const std::vector<Sequence*>& sequences,
               const std::vector<int64_t>& sources,
               const std::vector<bool>& on_device,
               int64_t padded);
  // Copies the inputs to the device, asynchronously on a GPU.
  void upload(const Staged& staged);

  // [rows] int64; real_field: float64.
  torch::Tensor field(Field which, int64_t rows) const;
  torch::Tensor real_field(Field which, int64_t rows) const;
  const torch::Tensor& block_tables() const { return block_tables_; }
  const PolicyTable::Rows& policies() const { return policies_.rows(); }

 private:
  struct Staging {
    torch::Tensor fields;        // [kNumFields, max_rows] int64, page-locked for a GPU
    torch::Tensor block_tables;  // the same
  };
  torch::Tensor fields_, block_tables_;
  std::array<Staging, 2> staging_;  // one is filled while the other is being copied
  size_t next_staging_ = 0;
  PolicyTable policies_;
};

// Sampling parameters of one sequence for the device sampler. The default is greedy, without a
// random number.
struct DrawParameters {
  double uniform = 0;
  double inverse_temperature = 0;  // 0: greedy
  double top_p = 1;
  double min_p = 0;
  int64_t top_k = 0;
};
// Draws one number from the random stream unless greedy, as Sampler::sample does.
DrawParameters draw_parameters(Sequence& sequence);

// The batch size to which `rows` is padded.
int64_t padded_rows(int64_t rows, int64_t max_rows);

}  // namespace retmask
