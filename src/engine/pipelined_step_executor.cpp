#include "pipelined_step_executor.h"

#include <algorithm>
#include <cmath>

#include "decode_inputs.h"
#include "host_step_executor.h"
#include "retmask/base/error.h"
#include "retmask/kernels/cuda/sampling.h"
#include "retmask/model/upload.h"

namespace retmask {

DecodeOutputs make_decode_outputs(const ModelConfig& config,
                                  int64_t max_rows,
                                  bool probe,
                                  torch::Device device) {
  // Ids and log-probs: first of decoding sequences, then of prompts whose prefill just ended.
  constexpr int64_t kOutputParts = 2;
  const auto on_device = torch::TensorOptions().device(device);
  const int64_t places = kOutputParts * max_rows;
  DecodeOutputs outputs;
  outputs.logits = torch::zeros({max_rows, config.vocab_size}, on_device.dtype(torch::kFloat32));
  outputs.ids = torch::zeros({places}, on_device.dtype(torch::kInt64));
  outputs.logprobs = torch::zeros({places}, on_device.dtype(torch::kFloat64));
  if (probe) {
    outputs.largest_keys =
        torch::zeros({config.num_hidden_layers(), max_rows, config.num_attention_heads},
                     on_device.dtype(torch::kInt64));
  }
  return outputs;
}

PipelinedStepExecutor::PipelinedStepExecutor(const InferenceLm& model,
                                             const StepExecutorOptions& options,
                                             std::unique_ptr<StepDevice> device)
    : model_(model), options_(options), device_(std::move(device)) {}

bool PipelinedStepExecutor::is_drawn_on_device(const Sequence& sequence) const {
  if (!sequence.forced_tokens().empty()) return false;
  // It must see every token before the next one is drawn.
  if (sequence.request->request.token_forcer) return false;
  const SamplingParams& params = sequence.request->request.sampling;
  // The options that the kernel supports; any other must have its default.
  const SamplingParams known{.temperature = params.temperature,
                             .top_p = params.top_p,
                             .top_k = params.top_k,
                             .min_p = params.min_p};
  return params == known && model_.config().vocab_size <= kernels::cuda::kMaxVocabulary;
}

void PipelinedStepExecutor::forward(std::deque<Sequence>& sequences,
                                    const std::vector<PrefillChunk>& chunks) {
  num_sequences_ = sequences.size();
  decoded_.clear();
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i].wants_token()) decoded_.push_back(i);
  }
  if (!decoded_.empty()) decode(sequences);
  // The host prepares this while the device decodes.
  prompts_result_ = {};
  if (!chunks.empty()) prompts_result_ = device_->prefill(chunks);
}

void PipelinedStepExecutor::decode(std::deque<Sequence>& sequences) {
  const PendingDraws& before = pending_draws_[1 - current_];
  std::vector<Sequence*> decoding;
  std::vector<int64_t> sources;
  std::vector<bool> on_device;
  for (const size_t i : decoded_) {
    Sequence& sequence = sequences[i];
    decoding.push_back(&sequence);
    on_device.push_back(is_drawn_on_device(sequence));
    sources.push_back(-1);
    if (sequence.pending == 0) continue;
    const auto found = std::ranges::lower_bound(before.sequences, sequence.number);
    RETMASK_CHECK(found != before.sequences.end() && *found == sequence.number);
    sources.back() = before.places[static_cast<size_t>(found - before.sequences.begin())];
  }
  device_->decode(decoding, sources, on_device);
}

std::vector<DrawnToken> PipelinedStepExecutor::draw(std::deque<Sequence>& sequences,
                                                    const std::vector<int64_t>& logits_row) {
  std::vector<Sequence*> started;
  std::vector<int64_t> started_logits;
  struct HostDraw {
    Sequence* sequence;
    torch::Tensor logits;
    torch::Tensor largest_keys;  // on the device or the CPU
  };
  std::vector<HostDraw> on_host;
  for (size_t k = 0; k < decoded_.size(); ++k) {
    Sequence& sequence = sequences[decoded_[k]];
    const auto place = static_cast<int64_t>(k);
    if (is_drawn_on_device(sequence)) {
      add_to_flight(sequence, place);
      continue;
    }
    on_host.push_back({&sequence, device_->outputs().logits[place], {}});
    if (options_.probe)
      on_host.back().largest_keys = device_->outputs().largest_keys.select(1, place);
  }
  for (size_t i = num_sequences_; i < sequences.size(); ++i) {
    const int64_t logits = logits_row[i] - static_cast<int64_t>(num_sequences_);
    if (is_drawn_on_device(sequences[i])) {
      started.push_back(&sequences[i]);
      started_logits.push_back(logits);
      continue;
    }
    on_host.push_back({&sequences[i], prompts_result_.logits[logits], {}});
    if (options_.probe) on_host.back().largest_keys = prompts_result_.largest_keys[logits];
  }
  if (!started.empty()) draw_first_tokens(started, started_logits);
  if (!pending_draws_[current_].sequences.empty()) device_->send(current_);

  std::vector<DrawnToken> drawn;
  collect(sequences, drawn);
  for (const HostDraw& host : on_host) {
    drawn.push_back(draw_on_host(*host.sequence, host.logits));
    if (options_.probe) drawn.back().largest_keys = device_->read(host.largest_keys);
  }
  current_ = 1 - current_;
  return drawn;
}

void PipelinedStepExecutor::add_to_flight(Sequence& sequence, int64_t place) {
  pending_draws_[current_].sequences.push_back(sequence.number);
  pending_draws_[current_].places.push_back(place);
  ++sequence.pending;
}

void PipelinedStepExecutor::draw_first_tokens(const std::vector<Sequence*>& sequences,
                                              const std::vector<int64_t>& logits_rows) {
  std::vector<double> uniforms, inverse_temperatures, top_p, min_p;
  std::vector<int64_t> top_k;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const DrawParameters draw = draw_parameters(*sequences[i]);
    uniforms.push_back(draw.uniform);
    inverse_temperatures.push_back(draw.inverse_temperature);
    top_p.push_back(draw.top_p);
    min_p.push_back(draw.min_p);
    top_k.push_back(draw.top_k);
    add_to_flight(*sequences[i], options_.max_rows + static_cast<int64_t>(i));
    if (options_.probe)
      pending_draws_[current_].prompt_keys.push_back(prompts_result_.largest_keys[logits_rows[i]]);
  }
  const torch::Device device = model_.device();
  device_->sample(prompts_result_.logits.index_select(0, upload(logits_rows, device)),
                  {.uniforms = upload(uniforms, device),
                   .inverse_temperatures = upload(inverse_temperatures, device),
                   .top_p = upload(top_p, device),
                   .min_p = upload(min_p, device),
                   .top_k = upload(top_k, device)},
                  options_.max_rows);
}

DrawnToken PipelinedStepExecutor::draw_on_host(Sequence& sequence, const torch::Tensor& logits) {
  const torch::Tensor host = device_->read(logits);
  return {.sequence = sequence.number,
          .token = sample_on_host(sampler_, sequence, host.const_data_ptr<float>(), host.numel())};
}

void PipelinedStepExecutor::collect(std::deque<Sequence>& sequences,
                                    std::vector<DrawnToken>& drawn) {
  PendingDraws& draws = pending_draws_[1 - current_];
  if (draws.sequences.empty()) return;
  const DecodeOutputs& arrived = device_->wait(1 - current_);
  const auto ids = arrived.ids.accessor<int64_t, 1>();
  const auto logprobs = arrived.logprobs.accessor<double, 1>();
  for (size_t i = 0; i < draws.sequences.size(); ++i) {
    Sequence* sequence = find_sequence(sequences, draws.sequences[i]);
    if (sequence == nullptr) continue;  // it has ended or was sent back to the queue
    const int64_t place = draws.places[i];
    RETMASK_CHECK(!std::isnan(logprobs[place]), "the logits are not finite");
    --sequence->pending;
    drawn.push_back(
        {.sequence = sequence->number, .token = {.id = ids[place], .logprob = logprobs[place]}});
    if (!options_.probe) continue;
    const bool is_first = place >= options_.max_rows;
    drawn.back().largest_keys =
        is_first ? draws.prompt_keys[static_cast<size_t>(place - options_.max_rows)]
                 : arrived.largest_keys.select(1, place).clone();
  }
  draws.sequences.clear();
  draws.places.clear();
  draws.prompt_keys.clear();
}

}  // namespace retmask
