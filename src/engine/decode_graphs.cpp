#include "decode_graphs.h"

#include <ATen/cuda/CUDAContext.h>

#include "retmask/kernels/cuda/sampling.h"
#include "retmask/model/decode.h"

namespace retmask {
namespace {

// Keys per thread block, at most, while more splits are allowed.
constexpr int64_t kSplitKeys = 2048;
// Thread blocks per multiprocessor that saturate its memory bandwidth.
constexpr int64_t kBlocksEach = 4;

}  // namespace

void sample_on_device(const torch::Tensor& logits,
                      const DeviceDraws& draws,
                      torch::Tensor ids,
                      torch::Tensor logprobs) {
  RETMASK_CHECK(logits.is_contiguous() && ids.is_contiguous() && logprobs.is_contiguous());
  kernels::cuda::sample_rows(
      {.logits = logits.const_data_ptr<float>(),
       .rows = logits.size(0),
       .vocab_size = logits.size(1),
       .uniforms = draws.uniforms.const_data_ptr<double>(),
       .inverse_temperatures = draws.inverse_temperatures.const_data_ptr<double>(),
       .top_p = draws.top_p.const_data_ptr<double>(),
       .min_p = draws.min_p.const_data_ptr<double>(),
       .top_k = draws.top_k.const_data_ptr<int64_t>(),
       .ids = ids.mutable_data_ptr<int64_t>(),
       .logprobs = logprobs.mutable_data_ptr<double>()},
      c10::cuda::getCurrentCUDAStream().stream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

DecodeGraphs::DecodeGraphs(const InferenceLm& model,
                           const BlockPool& pool,
                           const DecodeInputs& inputs,
                           const DecodeOutputs& outputs,
                           bool replay)
    : model_(model),
      pool_(pool),
      inputs_(inputs),
      outputs_(outputs),
      replay_(replay),
      multiprocessors_(at::cuda::getCurrentDeviceProperties()->multiProcessorCount),
      memory_(at::cuda::graph_pool_handle()) {}

int64_t DecodeGraphs::splits_for(int64_t rows, int64_t longest) const {
  const int64_t blocks = rows * model_.config().num_key_value_heads;
  int64_t splits = 1;
  while (splits < kMostDecodeSplits &&
         (blocks * splits < kBlocksEach * multiprocessors_ || longest > splits * kSplitKeys))
    splits *= 2;
  return splits;
}

void DecodeGraphs::step(int64_t rows, int64_t longest) {
  const int64_t splits = splits_for(rows, longest);
  if (!replay_) return launch(rows, splits);
  auto& graph = graphs_[{rows, splits, inputs_.policies().means.defined()}];
  if (graph) return graph->replay();
  // The first step is launched without capture: libraries initialise themselves at their first
  // call, which cannot be captured. Capture itself computes nothing.
  launch(rows, splits);
  graph = std::make_unique<at::cuda::CUDAGraph>();
  graph->capture_begin(memory_, cudaStreamCaptureModeThreadLocal);
  launch(rows, splits);
  graph->capture_end();
}

void DecodeGraphs::launch(int64_t rows, int64_t splits) {
  const auto field = [&](DecodeInputs::Field which) { return inputs_.field(which, rows); };
  const auto real = [&](DecodeInputs::Field which) { return inputs_.real_field(which, rows); };
  const torch::Tensor source = field(DecodeInputs::source);
  DecodeBatch batch;
  batch.token_ids = torch::where(
      source >= 0, outputs_.ids.index_select(0, source.clamp_min(0)), field(DecodeInputs::token));
  batch.past = field(DecodeInputs::past);
  batch.layers = &pool_.layers();
  batch.block_tables = inputs_.block_tables();
  batch.table_starts = field(DecodeInputs::table_start);
  batch.policies = field(DecodeInputs::policy);
  batch.gates = inputs_.policies().gates;
  batch.means = inputs_.policies().means;
  batch.splits = splits;
  if (outputs_.largest_keys.defined())
    batch.largest_keys = outputs_.largest_keys.narrow(1, 0, rows);
  const torch::Tensor logits = outputs_.logits.narrow(0, 0, rows);
  model_.logits_into(model_.decode(batch), logits);
  sample_on_device(logits,
                   {.uniforms = real(DecodeInputs::uniform),
                    .inverse_temperatures = real(DecodeInputs::inverse_temperature),
                    .top_p = real(DecodeInputs::top_p),
                    .min_p = real(DecodeInputs::min_p),
                    .top_k = field(DecodeInputs::top_k)},
                   outputs_.ids.narrow(0, 0, rows),
                   outputs_.logprobs.narrow(0, 0, rows));
}

}  // namespace retmask
