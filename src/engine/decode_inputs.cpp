#include "decode_inputs.h"

#include <algorithm>
#include <bit>

#include "block_pool.h"
#include "retmask/base/error.h"

namespace retmask {

PolicyTable::PolicyTable(const InferenceLm& model, int64_t capacity) : model_(model) {
  const ModelConfig& config = model.config();
  host_.gates = torch::ones({capacity, config.num_hidden_layers(), config.num_attention_heads},
                            torch::kFloat32);
  device_.gates =
      host_.gates.to(model.device(), torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);
}

// Returns false when the table is full.
bool PolicyTable::add_missing(const std::vector<const Sequence*>& sequences, bool& any_new) {
  for (const Sequence* sequence : sequences) {
    const HeadMask& mask = sequence->masked_heads();
    if (numbers_.contains(mask)) continue;
    const auto number = static_cast<int64_t>(numbers_.size());
    if (number == host_.gates.size(0)) return false;
    numbers_.emplace(mask, number);
    any_new = true;
    torch::Tensor gate = host_.gates[number];
    gate.fill_(1);
    for (const Head& head : mask) gate[head.layer][head.head] = 0;
    set_means(number, mask);
  }
  return true;
}

void PolicyTable::set_means(int64_t number, const HeadMask& mask) {
  const bool has_means = mask.mode() == MaskMode::mean;
  if (has_means && !host_.means.defined()) {
    std::vector<int64_t> shape = host_.gates.sizes().vec();
    shape.push_back(model_.config().head_dim);
    const torch::TensorOptions options(model_.dtype());
    host_.means = torch::zeros(shape, options);
    device_.means = torch::empty(shape, options.device(model_.device()));  // upload() fills it
  }
  if (!host_.means.defined()) return;
  torch::Tensor rows = host_.means[number];  // [L, H, D]
  rows.zero_();
  for (size_t i = 0; has_means && i < mask.size(); ++i) {
    const Head& head = mask.heads()[i];
    rows[head.layer][head.head].copy_(torch::tensor(mask.means()[i]));
  }
}

PolicyTable::Numbers PolicyTable::numbers_of(const std::vector<const Sequence*>& sequences) {
  bool any_new = false;
  if (!add_missing(sequences, any_new)) {
    numbers_.clear();  // some belong to sequences that have ended
    RETMASK_CHECK(add_missing(sequences, any_new), "more policies than sequences");
  }
  Numbers result;
  for (const Sequence* sequence : sequences)
    result.of_sequences.push_back(numbers_.at(sequence->masked_heads()));
  if (!any_new) return result;
  // Copies: the next step may change host_ again.
  result.changed.gates = host_.gates.clone();
  if (host_.means.defined()) result.changed.means = host_.means.clone();
  return result;
}

void PolicyTable::upload(const Rows& changed) {
  if (changed.gates.defined()) device_.gates.copy_(changed.gates);
  if (changed.means.defined()) device_.means.copy_(changed.means);
}

DrawParameters draw_parameters(Sequence& sequence) {
  const SamplingParams& params = sequence.request->request.sampling;
  if (params.temperature == 0) return {};
  return {.uniform = sequence.random.uniform(),
          .inverse_temperature = 1.0 / params.temperature,
          .top_p = params.top_p,
          .min_p = params.min_p,
          .top_k = params.top_k};
}

DecodeInputs::DecodeInputs(const InferenceLm& model, int64_t max_rows)
    : policies_(model, max_rows) {
  const torch::Device device = model.device();
  const int64_t most_blocks = max_rows * BlockPool::blocks_for(model.config().max_positions);
  fields_ =
      torch::zeros({kNumFields, max_rows}, torch::TensorOptions(torch::kInt64).device(device));
  block_tables_ = torch::zeros({most_blocks}, torch::TensorOptions(torch::kInt32).device(device));
  const auto host = torch::TensorOptions().pinned_memory(device.is_cuda());
  for (Staging& staging : staging_) {
    staging.fields = torch::zeros(fields_.sizes(), host.dtype(torch::kInt64));
    staging.block_tables = torch::zeros(block_tables_.sizes(), host.dtype(torch::kInt32));
  }
}

torch::Tensor DecodeInputs::field(Field which, int64_t rows) const {
  return fields_[which].narrow(0, 0, rows);
}
torch::Tensor DecodeInputs::real_field(Field which, int64_t rows) const {
  return field(which, rows).view(torch::kFloat64);
}

DecodeInputs::Staged DecodeInputs::stage(const std::vector<Sequence*>& sequences,
                                         const std::vector<int64_t>& sources,
                                         const std::vector<bool>& on_device,
                                         int64_t padded) {
  const size_t index_of_staging = next_staging_;
  Staging& staging = staging_[index_of_staging];
  next_staging_ = 1 - next_staging_;
  auto fields = staging.fields.accessor<int64_t, 2>();
  auto* blocks = staging.block_tables.mutable_data_ptr<int32_t>();
  const auto set_real = [&](Field which, int64_t row, double value) {
    fields[which][row] = std::bit_cast<int64_t>(value);
  };
  const PolicyTable::Numbers policies = policies_.numbers_of({sequences.begin(), sequences.end()});
  const auto num_sequences = static_cast<int64_t>(sequences.size());
  int64_t num_blocks = 0;
  for (int64_t i = 0; i < padded; ++i) {
    const bool is_sequence = i < num_sequences;
    Sequence* sequence = is_sequence ? sequences[static_cast<size_t>(i)] : nullptr;
    const auto index = static_cast<size_t>(i);
    const bool from_host = !is_sequence || sources[index] < 0;
    fields[token][i] = is_sequence && from_host ? sequence->result.tokens.back() : 0;
    fields[source][i] = from_host ? -1 : sources[index];
    // The kernels skip a row whose past is -1.
    fields[past][i] = is_sequence ? sequence->past() : -1;
    fields[table_start][i] = num_blocks;
    fields[policy][i] = is_sequence ? policies.of_sequences[index] : 0;
    const DrawParameters draw =
        is_sequence && on_device[index] ? draw_parameters(*sequence) : DrawParameters{};
    set_real(uniform, i, draw.uniform);
    set_real(inverse_temperature, i, draw.inverse_temperature);
    set_real(top_p, i, draw.top_p);
    set_real(min_p, i, draw.min_p);
    fields[top_k][i] = draw.top_k;
    if (!is_sequence) continue;
    std::copy(sequence->blocks.begin(), sequence->blocks.end(), blocks + num_blocks);
    num_blocks += static_cast<int64_t>(sequence->blocks.size());
  }
  return {index_of_staging, num_blocks, policies.changed};
}

void DecodeInputs::upload(const Staged& staged) {
  const Staging& staging = staging_[staged.staging];
  policies_.upload(staged.new_policies);
  fields_.copy_(staging.fields, /*non_blocking=*/true);
  block_tables_.narrow(0, 0, staged.num_blocks)
      .copy_(staging.block_tables.narrow(0, 0, staged.num_blocks), /*non_blocking=*/true);
}

int64_t padded_rows(int64_t rows, int64_t max_rows) {
  // 1, 2, 4, 8, 16, 24, 32, 48, 64, ...: at most half of the rows are padding, and there are few
  // graphs.
  int64_t size = 1;
  while (size < rows) {
    const int64_t middle = size + size / 2;
    if (size >= 16 && middle >= rows) return std::min(middle, max_rows);
    size *= 2;
  }
  return std::min(size, max_rows);
}

}  // namespace retmask
