#pragma once
// Suite "helmet": the seven categories of HELMET (Yen et al. 2024, "HELMET: How to Evaluate
// Long-Context Language Models Effectively and Thoroughly"; github.com/princeton-nlp/HELMET) on the
// data of its archive, with its prompts, random draws, lengths and metrics.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct HelmetOptions {
  std::filesystem::path data;                // see build_helmet_samples()
  std::vector<std::string> tasks = {};       // empty: all whose files are there
  std::vector<std::string> categories = {};  // empty: all
  std::vector<int64_t> lengths = {};         // empty: HELMET's that the model can read
  std::optional<int64_t> max_samples = {};   // of rows, or of questions; 0: all; unset: HELMET's
  std::optional<int64_t> shots = {};         // demonstrations of a prompt; unset: HELMET's
  uint64_t seed = 42;                        // HELMET's
  bool stop_newline = false;                 // RAG, Re-rank and ICL: answers end with their line
  ChatUse chat = ChatUse::automatic;         // automatic: for the tasks for which HELMET uses it
  // Folder of Llama 2's tokenizer, by which HELMET chooses and cuts long documents. Empty: all
  // documents are taken, and cut by the model's tokens alone.
  std::filesystem::path length_tokenizer = {};

  // Throws UserError.
  void validate() const;
  std::vector<int64_t> resolved_lengths(int64_t max_positions) const;
};

struct HelmetSamples {
  std::vector<Sample> samples = {};  // by length and task
  // Tasks that were not asked for by name and whose files are not there: [{"task", "length",
  // "reason"}, ...].
  Json left_out = Json::array();
  std::vector<std::filesystem::path> files = {};  // that were read
};

// Samples of HELMET's configurations. `options.data` has the folders data and prompts of HELMET's
// repository, the former with data/icl, data/narrativeqa, ... of the data sets that HELMET takes
// from the Hugging Face hub. A task is a name of HELMET's ("kilt_nq", "icl_nlu", "alce_asqa_30"),
// optionally with other files than HELMET's: "json_kv:data/json_kv/test_k20_dep6.jsonl", and behind
// a second colon the file of demonstrations. The rows' fields besides those of answer_samples():
// "category", "key", "question", "chat", "answer_start" (which the output continues, without chat),
// "prompt_sha256", "dropped_tokens" of the context, and what the metric needs. Warns of numbers of
// rows that are not HELMET's. Throws UserError for a missing file of a task that was asked for, and
// for malformed rows.
HelmetSamples build_helmet_samples(const HelmetOptions& options,
                                   const PromptEncoder& encoder,
                                   int64_t max_positions);

}  // namespace retmask::eval
