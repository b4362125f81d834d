#pragma once
// What changes from one decoding step to the next, in buffers of the GPU that stay where they are:
// a CUDA graph reads them at every replay.

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "retmask/engine/sampler.h"
#include "retmask/model/heads.h"
#include "running.h"

namespace retmask {

// The sequences' policies as rows of one tensor of gates: a row of the batch then needs only a
// number.
class PolicyTable {
 public:
  PolicyTable(const ModelConfig& config, int64_t capacity, torch::Device device);

  // [capacity, L, H] float32, at the same place all the time.
  const torch::Tensor& gates() const { return gates_; }
  // The number of each sequence's policy. There are at most `capacity` sequences. Waits for the GPU
  // when a policy is new, which is rare.
  std::vector<int64_t> numbers_of(const std::vector<const Sequence*>& sequences);

 private:
  bool add_missing(const std::vector<const Sequence*>& sequences);

  const int64_t num_layers_, num_heads_;
  torch::Tensor host_, gates_;
  std::map<std::vector<Head>, int64_t> numbers_;
};

class DecodeInputs {
 public:
  // One number of 64 bits for each sequence; the sampler's real numbers are stored as such.
  enum Field : int64_t {
    token,   // the newest, where the host knows it
    source,  // else its place among the drawn tokens of the step before; -1: the host knows it
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

  DecodeInputs(const ModelConfig& config, int64_t max_rows, torch::Device device);

  // The sequences' state for the next step; sources[i] as in Field. Draws a number of each
  // sequence's random stream that the device's sampler is to use (`on_device`). The rest up to
  // `padded` is rows without a sequence. The buffers of the step before last must have been read.
  void fill(const std::vector<Sequence*>& sequences,
            const std::vector<int64_t>& sources,
            const std::vector<bool>& on_device,
            int64_t padded);

  // [rows] int64, or float64 of the real ones.
  torch::Tensor field(Field which, int64_t rows) const;
  torch::Tensor real_field(Field which, int64_t rows) const;
  const torch::Tensor& block_tables() const { return block_tables_; }
  const torch::Tensor& gates() const { return policies_.gates(); }

 private:
  struct Staging {
    torch::Tensor fields;        // [kNumFields, max_rows] int64, page-locked
    torch::Tensor block_tables;  // page-locked
  };
  torch::Tensor fields_, block_tables_;
  std::array<Staging, 2> staging_;  // one is being copied while the other is filled
  size_t next_staging_ = 0;
  PolicyTable policies_;
};

// What the device's sampler needs of a sequence that draws; greedy without a number.
struct DrawParameters {
  double uniform = 0;
  double inverse_temperature = 0;  // 0: greedy
  double top_p = 1;
  double min_p = 0;
  int64_t top_k = 0;
};
// Draws one number of the sequence's random stream unless greedy, as Sampler::sample does.
DrawParameters draw_parameters(Sequence& sequence);

}  // namespace retmask
