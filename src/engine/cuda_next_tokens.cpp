#include "cuda_next_tokens.h"

#include <algorithm>
#include <cmath>

#include "host_next_tokens.h"
#include "retmask/base/error.h"
#include "retmask/kernels/cuda/sampling.h"
#include "retmask/model/upload.h"

namespace retmask {
namespace {

// The ids and log-probs of rows and, behind them, of prompts that have just been read.
constexpr int64_t kOutputParts = 2;

DecodeOutputs make_outputs(const ModelConfig& config,
                           const NextTokensOptions& options,
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

c10::cuda::CUDAStream stream_of_its_own(torch::Device device) {
  // The weights may still be on their way, on another stream.
  c10::cuda::device_synchronize();
  return c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index());
}

}  // namespace

std::unique_ptr<NextTokens> make_next_tokens(const CausalLm& model,
                                             const BlockPool& pool,
                                             const NextTokensOptions& options) {
  if (model.has_decode()) return std::make_unique<CudaNextTokens>(model, pool, options);
  return std::make_unique<HostNextTokens>(model, pool, options);
}

CudaNextTokens::CudaNextTokens(const CausalLm& model,
                               const BlockPool& pool,
                               const NextTokensOptions& options)
    : model_(model),
      options_(options),
      stream_(stream_of_its_own(model.device())),
      guard_(stream_),
      prefill_(model, pool),
      inputs_(model.config(), options.max_rows, model.device()),
      outputs_(make_outputs(model.config(), options, model.device())),
      graphs_(model, pool, inputs_, outputs_, options.cuda_graphs) {
  for (Flight& flight : flights_) {
    flight.ids = page_locked_like(outputs_.ids);
    flight.logprobs = page_locked_like(outputs_.logprobs);
    flight.largest_keys = page_locked_like(outputs_.largest_keys);
  }
}

// The last step may still be running on memory that is about to be given back.
CudaNextTokens::~CudaNextTokens() { C10_CUDA_CHECK_WARN(cudaStreamSynchronize(stream_)); }

bool CudaNextTokens::is_drawn_on_device(const Row& row) const {
  const SamplingParams& params = row.request->request.sampling;
  // What the kernel knows. An option that is not among these differs from its default here.
  const SamplingParams known{.temperature = params.temperature,
                             .top_p = params.top_p,
                             .top_k = params.top_k,
                             .min_p = params.min_p};
  return params == known && model_.config().vocab_size <= kernels::cuda::kMaxVocabulary;
}

void CudaNextTokens::forward(std::deque<Row>& rows, const std::vector<PromptPiece>& pieces) {
  num_rows_ = rows.size();
  decoded_.clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].wants_token()) decoded_.push_back(i);
  }
  if (!decoded_.empty()) decode(rows);
  // While the GPU decodes, the host prepares this.
  prompts_result_ = {};
  if (!pieces.empty())
    prompts_result_ = prefill_.run(/*rows=*/{}, pieces, options_.probe, options_.times);
}

void CudaNextTokens::decode(std::deque<Row>& rows) {
  const Flight& before = flights_[1 - current_];
  std::vector<Row*> decoding;
  std::vector<int64_t> sources;
  std::vector<bool> on_device;
  int64_t longest = 0;
  for (const size_t i : decoded_) {
    Row& row = rows[i];
    decoding.push_back(&row);
    on_device.push_back(is_drawn_on_device(row));
    longest = std::max(longest, row.past() + 1);
    sources.push_back(-1);
    if (row.pending == 0) continue;
    const auto found = std::ranges::lower_bound(before.rows, row.number);
    RETMASK_CHECK(found != before.rows.end() && *found == row.number);
    sources.back() = before.places[static_cast<size_t>(found - before.rows.begin())];
  }
  const int64_t padded = padded_rows(static_cast<int64_t>(decoding.size()), options_.max_rows);
  inputs_.fill(decoding, sources, on_device, padded);
  graphs_.step(padded, longest);
}

std::vector<DrawnToken> CudaNextTokens::draw(std::deque<Row>& rows,
                                             const std::vector<int64_t>& logits_row) {
  std::vector<Row*> begun;
  std::vector<int64_t> begun_logits;
  struct HostDraw {
    Row* row;
    torch::Tensor logits;
    torch::Tensor largest_keys;  // on the GPU or the CPU
  };
  std::vector<HostDraw> on_host;
  for (size_t k = 0; k < decoded_.size(); ++k) {
    Row& row = rows[decoded_[k]];
    const auto place = static_cast<int64_t>(k);
    if (is_drawn_on_device(row)) {
      add_to_flight(row, place);
      continue;
    }
    on_host.push_back({&row, outputs_.logits[place], {}});
    if (options_.probe) on_host.back().largest_keys = outputs_.largest_keys.select(1, place);
  }
  for (size_t i = num_rows_; i < rows.size(); ++i) {
    const int64_t logits = logits_row[i] - static_cast<int64_t>(num_rows_);
    if (is_drawn_on_device(rows[i])) {
      begun.push_back(&rows[i]);
      begun_logits.push_back(logits);
      continue;
    }
    on_host.push_back({&rows[i], prompts_result_.logits[logits], {}});
    if (options_.probe) on_host.back().largest_keys = prompts_result_.largest_keys[logits];
  }
  if (!begun.empty()) draw_first_tokens(begun, begun_logits);
  send();

  std::vector<DrawnToken> drawn;
  collect(rows, drawn);
  for (const HostDraw& row : on_host) {
    drawn.push_back(draw_on_host(*row.row, row.logits));
    if (options_.probe) drawn.back().largest_keys = row.largest_keys.cpu();
  }
  current_ = 1 - current_;
  return drawn;
}

void CudaNextTokens::add_to_flight(Row& row, int64_t place) {
  flights_[current_].rows.push_back(row.number);
  flights_[current_].places.push_back(place);
  ++row.pending;
}

void CudaNextTokens::draw_first_tokens(const std::vector<Row*>& rows,
                                       const std::vector<int64_t>& logits_rows) {
  std::vector<double> uniforms, inverse_temperatures, top_p, min_p;
  std::vector<int64_t> top_k;
  for (size_t i = 0; i < rows.size(); ++i) {
    const DrawParameters draw = draw_parameters(*rows[i]);
    uniforms.push_back(draw.uniform);
    inverse_temperatures.push_back(draw.inverse_temperature);
    top_p.push_back(draw.top_p);
    min_p.push_back(draw.min_p);
    top_k.push_back(draw.top_k);
    add_to_flight(*rows[i], options_.max_rows + static_cast<int64_t>(i));
    if (options_.probe)
      flights_[current_].prompt_keys.push_back(prompts_result_.largest_keys[logits_rows[i]]);
  }
  const torch::Device device = model_.device();
  const auto count = static_cast<int64_t>(rows.size());
  sample_on_device(prompts_result_.logits.index_select(0, upload(logits_rows, device)),
                   {.uniforms = upload(uniforms, device),
                    .inverse_temperatures = upload(inverse_temperatures, device),
                    .top_p = upload(top_p, device),
                    .min_p = upload(min_p, device),
                    .top_k = upload(top_k, device)},
                   outputs_.ids.narrow(0, options_.max_rows, count),
                   outputs_.logprobs.narrow(0, options_.max_rows, count));
}

DrawnToken CudaNextTokens::draw_on_host(Row& row, const torch::Tensor& logits) {
  const torch::Tensor host = logits.cpu();
  return {.row = row.number,
          .token = sample_on_host(sampler_, row, host.const_data_ptr<float>(), host.numel())};
}

void CudaNextTokens::send() {
  Flight& flight = flights_[current_];
  if (flight.rows.empty()) return;
  flight.ids.copy_(outputs_.ids, /*non_blocking=*/true);
  flight.logprobs.copy_(outputs_.logprobs, /*non_blocking=*/true);
  if (options_.probe) flight.largest_keys.copy_(outputs_.largest_keys, /*non_blocking=*/true);
  flight.arrived.record(stream_);
}

void CudaNextTokens::collect(std::deque<Row>& rows, std::vector<DrawnToken>& drawn) {
  Flight& flight = flights_[1 - current_];
  if (flight.rows.empty()) return;
  flight.arrived.synchronize();
  const auto ids = flight.ids.accessor<int64_t, 1>();
  const auto logprobs = flight.logprobs.accessor<double, 1>();
  for (size_t i = 0; i < flight.rows.size(); ++i) {
    Row* row = find_row(rows, flight.rows[i]);
    if (row == nullptr) continue;  // it has ended, or gone back to the queue
    const int64_t place = flight.places[i];
    RETMASK_CHECK(!std::isnan(logprobs[place]), "the logits are not finite");
    --row->pending;
    drawn.push_back({.row = row->number, .token = {.id = ids[place], .logprob = logprobs[place]}});
    if (!options_.probe) continue;
    const bool is_first = place >= options_.max_rows;
    drawn.back().largest_keys =
        is_first ? flight.prompt_keys[static_cast<size_t>(place - options_.max_rows)]
                 : flight.largest_keys.select(1, place).clone();
  }
  flight.rows.clear();
  flight.places.clear();
  flight.prompt_keys.clear();
}

}  // namespace retmask
