#include "cuda_step_executor.h"

#include <algorithm>
#include <cmath>

#include "host_step_executor.h"
#include "retmask/base/error.h"
#include "retmask/kernels/cuda/sampling.h"
#include "retmask/model/upload.h"

namespace retmask {
namespace {

// Ids and log-probs: first of decoding sequences, then of prompts whose prefill just ended.
constexpr int64_t kOutputParts = 2;

DecodeOutputs make_outputs(const ModelConfig& config,
                           const StepExecutorOptions& options,
                           torch::Device device) {
  const auto on_device = torch::TensorOptions().device(device);
  const int64_t places = kOutputParts * options.max_rows;
  DecodeOutputs outputs;
  outputs.logits =
      torch::zeros({options.max_rows, config.vocab_size}, on_device.dtype(torch::kFloat32));
  outputs.ids = torch::zeros({places}, on_device.dtype(torch::kInt64));
  outputs.logprobs = torch::zeros({places}, on_device.dtype(torch::kFloat64));
  if (options.probe) {
    outputs.largest_keys =
        torch::zeros({config.num_hidden_layers(), options.max_rows, config.num_attention_heads},
                     on_device.dtype(torch::kInt64));
  }
  return outputs;
}

torch::Tensor page_locked_like(const torch::Tensor& tensor) {
  return tensor.defined() ? torch::zeros_like(tensor, torch::kCPU).pin_memory() : tensor;
}

c10::cuda::CUDAStream private_stream(torch::Device device) {
  // The weights may still be copied on another stream.
  c10::cuda::device_synchronize();
  return c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index());
}

}  // namespace

std::unique_ptr<StepExecutor> make_step_executor(const InferenceLm& model,
                                                 const BlockPool& pool,
                                                 const StepExecutorOptions& options) {
  if (model.has_decode()) return std::make_unique<CudaStepExecutor>(model, pool, options);
  return std::make_unique<HostStepExecutor>(model, pool, options);
}

CudaStepExecutor::CudaStepExecutor(const InferenceLm& model,
                                   const BlockPool& pool,
                                   const StepExecutorOptions& options)
    : model_(model),
      options_(options),
      stream_(private_stream(model.device())),
      guard_(stream_),
      prefill_(model, pool),
      inputs_(model.config(), options.max_rows, model.device()),
      outputs_(make_outputs(model.config(), options, model.device())),
      graphs_(model, pool, inputs_, outputs_, options.cuda_graphs) {
  for (PendingDraws& draws : pending_draws_) {
    draws.ids = page_locked_like(outputs_.ids);
    draws.logprobs = page_locked_like(outputs_.logprobs);
    draws.largest_keys = page_locked_like(outputs_.largest_keys);
  }
}

// The last step may still be running on memory that is about to be freed.
CudaStepExecutor::~CudaStepExecutor() { C10_CUDA_CHECK_WARN(cudaStreamSynchronize(stream_)); }

bool CudaStepExecutor::is_drawn_on_device(const Sequence& sequence) const {
  const SamplingParams& params = sequence.request->request.sampling;
  // The options that the kernel supports; any other must have its default.
  const SamplingParams known{.temperature = params.temperature,
                             .top_p = params.top_p,
                             .top_k = params.top_k,
                             .min_p = params.min_p};
  return params == known && model_.config().vocab_size <= kernels::cuda::kMaxVocabulary;
}

void CudaStepExecutor::forward(std::deque<Sequence>& sequences,
                               const std::vector<PrefillChunk>& chunks) {
  num_sequences_ = sequences.size();
  decoded_.clear();
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i].wants_token()) decoded_.push_back(i);
  }
  if (!decoded_.empty()) decode(sequences);
  // The host prepares this while the GPU decodes.
  prompts_result_ = {};
  if (!chunks.empty())
    prompts_result_ = prefill_.run(/*sequences=*/{}, chunks, options_.probe, options_.times);
}

void CudaStepExecutor::decode(std::deque<Sequence>& sequences) {
  const PendingDraws& before = pending_draws_[1 - current_];
  std::vector<Sequence*> decoding;
  std::vector<int64_t> sources;
  std::vector<bool> on_device;
  int64_t longest = 0;
  for (const size_t i : decoded_) {
    Sequence& sequence = sequences[i];
    decoding.push_back(&sequence);
    on_device.push_back(is_drawn_on_device(sequence));
    longest = std::max(longest, sequence.past() + 1);
    sources.push_back(-1);
    if (sequence.pending == 0) continue;
    const auto found = std::ranges::lower_bound(before.sequences, sequence.number);
    RETMASK_CHECK(found != before.sequences.end() && *found == sequence.number);
    sources.back() = before.places[static_cast<size_t>(found - before.sequences.begin())];
  }
  const int64_t padded = padded_rows(static_cast<int64_t>(decoding.size()), options_.max_rows);
  inputs_.fill(decoding, sources, on_device, padded);
  graphs_.step(padded, longest);
}

std::vector<DrawnToken> CudaStepExecutor::draw(std::deque<Sequence>& sequences,
                                               const std::vector<int64_t>& logits_row) {
  std::vector<Sequence*> started;
  std::vector<int64_t> started_logits;
  struct HostDraw {
    Sequence* sequence;
    torch::Tensor logits;
    torch::Tensor largest_keys;  // on the GPU or the CPU
  };
  std::vector<HostDraw> on_host;
  for (size_t k = 0; k < decoded_.size(); ++k) {
    Sequence& sequence = sequences[decoded_[k]];
    const auto place = static_cast<int64_t>(k);
    if (is_drawn_on_device(sequence)) {
      add_to_flight(sequence, place);
      continue;
    }
    on_host.push_back({&sequence, outputs_.logits[place], {}});
    if (options_.probe) on_host.back().largest_keys = outputs_.largest_keys.select(1, place);
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
  send();

  std::vector<DrawnToken> drawn;
  collect(sequences, drawn);
  for (const HostDraw& host : on_host) {
    drawn.push_back(draw_on_host(*host.sequence, host.logits));
    if (options_.probe) drawn.back().largest_keys = host.largest_keys.cpu();
  }
  current_ = 1 - current_;
  return drawn;
}

void CudaStepExecutor::add_to_flight(Sequence& sequence, int64_t place) {
  pending_draws_[current_].sequences.push_back(sequence.number);
  pending_draws_[current_].places.push_back(place);
  ++sequence.pending;
}

void CudaStepExecutor::draw_first_tokens(const std::vector<Sequence*>& sequences,
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
  const auto count = static_cast<int64_t>(sequences.size());
  sample_on_device(prompts_result_.logits.index_select(0, upload(logits_rows, device)),
                   {.uniforms = upload(uniforms, device),
                    .inverse_temperatures = upload(inverse_temperatures, device),
                    .top_p = upload(top_p, device),
                    .min_p = upload(min_p, device),
                    .top_k = upload(top_k, device)},
                   outputs_.ids.narrow(0, options_.max_rows, count),
                   outputs_.logprobs.narrow(0, options_.max_rows, count));
}

DrawnToken CudaStepExecutor::draw_on_host(Sequence& sequence, const torch::Tensor& logits) {
  const torch::Tensor host = logits.cpu();
  return {.sequence = sequence.number,
          .token = sample_on_host(sampler_, sequence, host.const_data_ptr<float>(), host.numel())};
}

void CudaStepExecutor::send() {
  PendingDraws& draws = pending_draws_[current_];
  if (draws.sequences.empty()) return;
  draws.ids.copy_(outputs_.ids, /*non_blocking=*/true);
  draws.logprobs.copy_(outputs_.logprobs, /*non_blocking=*/true);
  if (options_.probe) draws.largest_keys.copy_(outputs_.largest_keys, /*non_blocking=*/true);
  draws.arrived.record(stream_);
}

void CudaStepExecutor::collect(std::deque<Sequence>& sequences, std::vector<DrawnToken>& drawn) {
  PendingDraws& draws = pending_draws_[1 - current_];
  if (draws.sequences.empty()) return;
  draws.arrived.synchronize();
  const auto ids = draws.ids.accessor<int64_t, 1>();
  const auto logprobs = draws.logprobs.accessor<double, 1>();
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
                 : draws.largest_keys.select(1, place).clone();
  }
  draws.sequences.clear();
  draws.places.clear();
  draws.prompt_keys.clear();
}

}  // namespace retmask
