#pragma once
// A device on CPU tensors that runs its queue only when it is waited for: whoever reads too early
// gets the data of an earlier step.

#include <array>
#include <bit>
#include <deque>
#include <functional>

#include "decode_inputs.h"
#include "step_device.h"
#include "step_executor.h"

namespace retmask::testing {

// A stream whose next uniform number is the given one: the inverse of RandomStream::uniform().
inline RandomStream stream_before(double uniform) {
  const auto undo_shift = [](uint64_t z, int shift) {
    uint64_t result = z;
    for (int done = shift; done < 64; done += shift) result = z ^ (result >> shift);
    return result;
  };
  const auto inverse = [](uint64_t odd) {
    uint64_t result = odd;
    for (int i = 0; i < 6; ++i) result *= 2 - odd * result;  // Newton's iteration modulo 2^64
    return result;
  };
  uint64_t z = static_cast<uint64_t>(uniform * 0x1.0p53) << 11;
  z = undo_shift(z, 31) * inverse(0x94d049bb133111ebULL);
  z = undo_shift(z, 27) * inverse(0xbf58476d1ce4e5b9ULL);
  return RandomStream::from_state(undo_shift(z, 30) - 0x9e3779b97f4a7c15ULL);
}

class QueuedStepDevice : public StepDevice {
 public:
  QueuedStepDevice(const InferenceLm& model,
                   const BlockPool& pool,
                   const StepExecutorOptions& options)
      : model_(model),
        pool_(pool),
        options_(options),
        prefill_(model, pool),
        inputs_(model, options.max_rows),
        outputs_(make()) {
    for (DecodeOutputs& sent : sent_) sent = make();
  }

  const DecodeOutputs& outputs() const override { return outputs_; }

  void decode(const std::vector<Sequence*>& sequences,
              const std::vector<int64_t>& sources,
              const std::vector<bool>& on_device) override {
    const int64_t padded = padded_rows(static_cast<int64_t>(sequences.size()), options_.max_rows);
    const auto staged = inputs_.stage(sequences, sources, on_device, padded);
    // On a GPU the step is launched here: it sees only means that a policy has by now.
    const bool has_means = inputs_.policies().means.defined();
    push([this, staged, padded, has_means] {
      inputs_.upload(staged);
      step(padded, has_means);
    });
  }

  // The scheduler copies blocks after it, in the order of the queue.
  ModelRunner::Result prefill(const std::vector<PrefillChunk>& chunks) override {
    run_until(num_pushed_);
    return prefill_.run(/*sequences=*/{}, chunks, options_.probe, /*times=*/nullptr);
  }

  void sample(const torch::Tensor& logits, const DeviceDraws& draws, int64_t first_place) override {
    push([this, logits, draws, first_place] { sample_now(logits, draws, first_place); });
  }

  void send(size_t slot) override {
    push([this, slot] {
      sent_[slot].ids.copy_(outputs_.ids);
      sent_[slot].logprobs.copy_(outputs_.logprobs);
      if (options_.probe) sent_[slot].largest_keys.copy_(outputs_.largest_keys);
    });
    events_[slot] = num_pushed_;
  }

  const DecodeOutputs& wait(size_t slot) override {
    run_until(events_[slot]);
    return sent_[slot];
  }

  torch::Tensor read(const torch::Tensor& tensor) override {
    run_until(num_pushed_);
    return tensor.clone();
  }

 private:
  DecodeOutputs make() const {
    return make_decode_outputs(model_.config(), options_.max_rows, options_.probe, torch::kCPU);
  }
  void push(std::function<void()> work) {
    queue_.push_back(std::move(work));
    ++num_pushed_;
  }
  void run_until(size_t count) {
    for (; num_run_ < count; ++num_run_) {
      queue_.front()();
      queue_.pop_front();
    }
  }

  // Row `policy` of the tables. With means, zeros stand for the mode zero.
  HeadMask mask_of(int64_t policy, bool has_means) const {
    const torch::Tensor off = (inputs_.policies().gates[policy] == 0).nonzero();
    std::vector<Head> heads;
    HeadMask::Means means;
    for (int64_t h = 0; h < off.size(0); ++h) {
      const Head& head =
          heads.emplace_back(Head{off[h][0].item<int64_t>(), off[h][1].item<int64_t>()});
      if (!has_means) continue;
      const torch::Tensor mean = inputs_.policies().means[policy][head.layer][head.head];
      means.emplace_back(mean.const_data_ptr<float>(), mean.const_data_ptr<float>() + mean.numel());
    }
    return has_means ? HeadMask(heads, means) : HeadMask(heads);
  }

  // As DecodeGraphs, from the buffers of the inputs alone.
  void step(int64_t rows, bool has_means) {
    const auto values = [&](DecodeInputs::Field which) {
      const torch::Tensor field = inputs_.field(which, rows);
      return std::vector<int64_t>(field.const_data_ptr<int64_t>(),
                                  field.const_data_ptr<int64_t>() + rows);
    };
    const auto past = values(DecodeInputs::past), source = values(DecodeInputs::source),
               token = values(DecodeInputs::token), starts = values(DecodeInputs::table_start),
               policy = values(DecodeInputs::policy);
    PackedBatch batch;
    std::vector<int64_t> tokens;
    std::vector<HeadMask> masks;
    const int64_t most_blocks = BlockPool::blocks_for(model_.config().max_positions);
    KeyValueBlocks cache{.layers = &pool_.layers(),
                         .block_tables = torch::zeros({rows, most_blocks}, torch::kInt32),
                         .block_size = BlockPool::kBlockSize};
    for (size_t i = 0; i < past.size() && past[i] >= 0; ++i) {
      tokens.push_back(source[i] < 0 ? token[i] : outputs_.ids[source[i]].item<int64_t>());
      batch.lengths.push_back(1);
      batch.past.push_back(past[i]);
      batch.known.push_back(past[i] + 1);
      const int64_t blocks = BlockPool::blocks_for(past[i] + 1);
      cache.block_tables[static_cast<int64_t>(i)]
          .narrow(0, 0, blocks)
          .copy_(inputs_.block_tables().narrow(0, starts[i], blocks));
      masks.push_back(mask_of(policy[i], has_means));
    }
    const auto count = static_cast<int64_t>(tokens.size());
    const HeadGate gate(model_.config(), masks, torch::TensorOptions(model_.dtype()));
    AttentionProbe probe;
    batch.token_ids = torch::tensor(tokens, torch::kInt64);
    batch.cache = &cache;
    batch.gate = &gate;
    if (options_.probe) batch.probe = &probe;
    const torch::Tensor logits = outputs_.logits.narrow(0, 0, count);
    model_.logits_into(model_.forward(batch), logits);
    if (options_.probe)
      outputs_.largest_keys.narrow(1, 0, count).copy_(probe.largest_keys().transpose(0, 1));
    const auto real = [&](DecodeInputs::Field which) { return inputs_.real_field(which, count); };
    sample_now(logits,
               {.uniforms = real(DecodeInputs::uniform),
                .inverse_temperatures = real(DecodeInputs::inverse_temperature),
                .top_p = real(DecodeInputs::top_p),
                .min_p = real(DecodeInputs::min_p),
                .top_k = inputs_.field(DecodeInputs::top_k, count)},
               /*first_place=*/0);
  }

  void sample_now(const torch::Tensor& logits, const DeviceDraws& draws, int64_t first_place) {
    const auto real = [](const torch::Tensor& values, int64_t row) {
      return values[row].item<double>();
    };
    for (int64_t row = 0; row < logits.size(0); ++row) {
      const double inverse = real(draws.inverse_temperatures, row);
      RandomStream random = stream_before(real(draws.uniforms, row));
      const SampledToken token = sampler_.sample(logits[row].const_data_ptr<float>(),
                                                 logits.size(1),
                                                 {.temperature = inverse == 0 ? 0 : 1 / inverse,
                                                  .top_p = real(draws.top_p, row),
                                                  .top_k = draws.top_k[row].item<int64_t>(),
                                                  .min_p = real(draws.min_p, row)},
                                                 random);
      outputs_.ids[first_place + row] = token.id;
      outputs_.logprobs[first_place + row] = token.logprob;
    }
  }

  const InferenceLm& model_;
  const BlockPool& pool_;
  const StepExecutorOptions options_;
  ModelRunner prefill_;
  DecodeInputs inputs_;
  DecodeOutputs outputs_;
  std::array<DecodeOutputs, 2> sent_;
  std::array<size_t, 2> events_ = {};
  std::deque<std::function<void()>> queue_;
  size_t num_pushed_ = 0, num_run_ = 0;
  Sampler sampler_;
};

}  // namespace retmask::testing
