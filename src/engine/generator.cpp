#include "retmask/engine/generator.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "kv_cache.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

// Prompts are prefilled together up to this many tokens: enough to fill the matrix units, small in
// memory.
constexpr int64_t kPrefillTokens = 4096;

// A request that is being answered.
struct Running {
  size_t index;
  const GenerationRequest* request;
  std::unique_ptr<SequenceCache> cache;
  RandomStream random;
  GenerationResult result;

  // What the model has not seen yet: the prompt, later the newest token.
  std::vector<int64_t> unseen() const {
    if (result.tokens.empty()) return request->prompt;
    return {result.tokens.back()};
  }
};

void check_request(const GenerationRequest& request, size_t index, const ModelConfig& config) {
  request.sampling.validate();
  if (request.max_new_tokens < 1)
    user_error("--max-new-tokens is ", request.max_new_tokens, ", expected 1 or more");
  if (request.prompt.empty()) user_error("prompt ", index, " has no tokens");
  const auto length = static_cast<int64_t>(request.prompt.size()) + request.max_new_tokens;
  if (length > config.max_position_embeddings) {
    user_error("prompt ",
               index,
               " has ",
               request.prompt.size(),
               " tokens, which with ",
               request.max_new_tokens,
               " new ones exceeds the model's max_position_embeddings ",
               config.max_position_embeddings,
               "; shorten it or lower --max-new-tokens");
  }
  for (const int64_t id : request.prompt) {
    if (id < 0 || id >= config.vocab_size) {
      user_error("prompt ",
                 index,
                 " has token id ",
                 id,
                 ", but the model's vocab_size is ",
                 config.vocab_size,
                 "; do the tokenizer and the model belong together?");
    }
  }
  check_heads(request.masked_heads, config, "mask");
}

std::optional<HeadGate> make_gate(const CausalLm& model, const std::vector<Running*>& rows) {
  std::vector<std::vector<Head>> masked;
  bool any = false;
  for (const Running* row : rows) {
    masked.push_back(row->request->masked_heads);
    any = any || !masked.back().empty();
  }
  if (!any) return std::nullopt;
  return HeadGate(
      model.config(), masked, torch::TensorOptions(model.dtype()).device(model.device()));
}

// Runs the model on what each row has not seen; logits of each row's last token: [S, vocab_size]
// float32, CPU.
torch::Tensor next_logits(const CausalLm& model,
                          const std::vector<Running*>& rows,
                          const HeadGate* gate,
                          AttentionProbe* probe) {
  std::vector<int64_t> tokens;
  std::vector<int64_t> last_rows;
  std::vector<SequenceCache*> caches;
  PackedBatch batch;
  for (const Running* row : rows) {
    const std::vector<int64_t> unseen = row->unseen();
    tokens.insert(tokens.end(), unseen.begin(), unseen.end());
    last_rows.push_back(static_cast<int64_t>(tokens.size()) - 1);
    batch.lengths.push_back(static_cast<int64_t>(unseen.size()));
    batch.past.push_back(row->cache->length());
    caches.push_back(row->cache.get());
  }
  BatchCache store(std::move(caches));
  batch.token_ids = torch::tensor(tokens, torch::kInt64).to(model.device());
  batch.store = &store;
  batch.gate = gate;
  batch.probe = probe;
  const torch::Tensor hidden = model.forward(batch);
  const torch::Tensor last =
      hidden.index_select(0, torch::tensor(last_rows, torch::kInt64).to(model.device()));
  return model.logits(last).to(torch::kFloat32).cpu().contiguous();
}

void sample_rows(const torch::Tensor& logits, const std::vector<Running*>& rows) {
  const int64_t vocab_size = logits.size(1);
  const float* data = logits.const_data_ptr<float>();
  at::parallel_for(0, logits.size(0), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      Running& row = *rows[s];
      const SampledToken token =
          sample(data + s * vocab_size, vocab_size, row.request->sampling, row.random);
      row.result.tokens.push_back(token.id);
      row.result.sum_logprob += token.logprob;
    }
  });
}

bool is_finished(Running& row) {
  const auto& stop = row.request->stop_ids;
  if (std::find(stop.begin(), stop.end(), row.result.tokens.back()) != stop.end()) {
    row.result.reason = FinishReason::stop;
    return true;
  }
  return static_cast<int64_t>(row.result.tokens.size()) >= row.request->max_new_tokens;
}

}  // namespace

std::string to_string(FinishReason reason) {
  return reason == FinishReason::stop ? "stop" : "length";
}

Generator::Generator(const CausalLm& model, GeneratorOptions options)
    : model_(model), options_(options) {
  if (options_.max_batch_size < 1)
    user_error("--batch-size is ", options_.max_batch_size, ", expected 1 or more");
}

void Generator::run(const std::vector<GenerationRequest>& requests,
                    const std::function<void(size_t, const GenerationResult&)>& on_finish,
                    const StepObserver& observer) {
  const torch::InferenceMode inference;
  for (size_t i = 0; i < requests.size(); ++i) check_request(requests[i], i, model_.config());

  std::vector<std::unique_ptr<Running>> running;
  size_t next = 0;
  // One forward and one sampled token for `rows`.
  const auto step = [&](const std::vector<Running*>& rows, const HeadGate* gate) {
    AttentionProbe probe;
    sample_rows(next_logits(model_, rows, gate, observer ? &probe : nullptr), rows);
    if (!observer) return;
    const torch::Tensor largest_keys = probe.largest_keys();
    for (size_t s = 0; s < rows.size(); ++s) {
      observer(
          rows[s]->index, rows[s]->result.tokens.back(), largest_keys[static_cast<int64_t>(s)]);
    }
  };
  const auto retire = [&] {
    const auto ended = std::stable_partition(
        running.begin(), running.end(), [](auto& row) { return !is_finished(*row); });
    for (auto row = ended; row != running.end(); ++row) on_finish((*row)->index, (*row)->result);
    const bool any = ended != running.end();
    running.erase(ended, running.end());
    return any;
  };
  const auto admit = [&] {
    std::vector<Running*> joining;
    int64_t tokens = 0;
    while (next < requests.size() &&
           static_cast<int64_t>(running.size()) < options_.max_batch_size) {
      const auto& request = requests[next];
      const auto length = static_cast<int64_t>(request.prompt.size());
      if (!joining.empty() && tokens + length > kPrefillTokens) break;
      tokens += length;
      // Room for the first answer tokens; doubles from there, so a long limit costs nothing until
      // it is used.
      const int64_t capacity = length + std::min<int64_t>(request.max_new_tokens, 64);
      running.push_back(std::make_unique<Running>(
          Running{next,
                  &request,
                  std::make_unique<SequenceCache>(
                      model_.config(),
                      torch::TensorOptions(model_.dtype()).device(model_.device()),
                      capacity),
                  request.random,
                  {}}));
      joining.push_back(running.back().get());
      ++next;
    }
    return joining;
  };

  std::optional<HeadGate> gate;
  bool changed = true;  // rows joined or left: the gate's rows are out of date
  while (next < requests.size() || !running.empty()) {
    const std::vector<Running*> joining = admit();
    if (!joining.empty()) {
      const auto prefill_gate = make_gate(model_, joining);
      step(joining, prefill_gate ? &*prefill_gate : nullptr);
      changed = true;
    } else {
      std::vector<Running*> rows;
      for (const auto& row : running) rows.push_back(row.get());
      if (changed) gate = make_gate(model_, rows);
      changed = false;
      step(rows, gate ? &*gate : nullptr);
    }
    changed |= retire();
  }
}

}  // namespace retmask
