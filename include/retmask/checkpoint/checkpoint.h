#pragma once
// A Hugging Face checkpoint folder: config.json, generation_config.json, safetensors (single or
// sharded), tokenizer.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/checkpoint/safetensors.h"

namespace retmask {

class Checkpoint {
 public:
  // Opens the folder and reads every shard's header, but no weights. model.safetensors takes
  // precedence over the index, as in transformers. Throws UserError for a missing folder, config or
  // shard, a tensor that the index lists but its shard does not hold, and a tensor held by two
  // shards.
  explicit Checkpoint(std::filesystem::path dir);

  const std::filesystem::path& dir() const { return dir_; }
  const Json& config() const { return config_; }
  // EOS ids of generation_config.json (a number or a list), otherwise of config.json; empty when
  // neither has them.
  const std::vector<int64_t>& eos_token_ids() const { return eos_token_ids_; }

  // Every tensor of every shard, by name.
  const std::map<std::string, TensorSpec>& tensors() const { return tensors_; }
  // Little-endian, row-major bytes of the mapped file; valid while this object lives. An unknown
  // name is an InternalError.
  std::span<const std::byte> bytes(const std::string& name) const;
  // Releases the memory of a tensor's bytes, see SafetensorsFile::release().
  void release(const std::string& name) const;

  // A hash of config.json, the shards' headers and sizes and one row of every tensor: distinguishes
  // checkpoints without reading gigabytes.
  std::string fingerprint() const;

  // SHA-256 of each other file that affects tokenization and the end of answers: tokenizer, chat
  // templates, generation config. Keyed by name ("additional_chat_templates/rag.jinja").
  std::map<std::string, std::string> hash_other_files() const;

 private:
  std::filesystem::path dir_;
  Json config_;
  std::vector<int64_t> eos_token_ids_;
  std::vector<SafetensorsFile> shards_;
  std::map<std::string, TensorSpec> tensors_;
  std::map<std::string, size_t> shard_of_;
};

// Compares the tensors a network expects with those of a checkpoint. Throws one UserError that
// lists every missing, unexpected, wrong-shape and (integers for floats) wrong-type tensor: the
// first 8 of each kind by name, then a count; quantized weights are reported as such.
// `optional_names` may be present or absent (a tied lm_head), as may redundant buffers
// (rotary_emb.inv_freq of old checkpoints).
void check_tensors(const Checkpoint& checkpoint,
                   const std::vector<TensorSpec>& expected,
                   const std::vector<std::string>& optional_names);

struct SaveOptions {
  int64_t max_shard_bytes = 5'000'000'000;  // transformers' default, "5GB"
  // Checkpoint files in the folder that may be replaced, as passed to `announce` by an earlier
  // save. No other file is ever removed or overwritten.
  Json own_files = Json::array();
  // Called before the first file is put in place, with the files of this save and of `own_files`
  // that the folder will hold: [{"name", "bytes", "modified"}]. Store it where it survives a kill.
  std::function<void(const Json& files)> announce = nullptr;
};

// Throws UserError when `dir` holds a file that would become part of a checkpoint there and is not
// one of `own_files`, or was changed since. Call it before long work.
void check_checkpoint_folder(const std::filesystem::path& dir, const Json& own_files);

// Writes a checkpoint folder that transformers and vLLM load: `specs` in sharded or single
// safetensors with an index, `config`, and copies of `source_dir`'s tokenizer, template, generation
// config and licence (listed in src/checkpoint/file_names.cpp). `write_tensor(spec, sink)` is
// called once for each of `specs`, in order, and passes the tensor's bytes to `sink` in one or more
// pieces.
//
// All files are written to a hidden folder inside `dir` and moved into place at the end,
// config.json last: an error leaves `dir` as it was, and a kill never leaves a folder that loads
// but is incomplete. An older checkpoint in `dir` is replaced if options.own_files lists it (it may
// be `source_dir` itself), otherwise the save is refused; other files there (run.json,
// metrics.jsonl) are kept. Throws UserError.
using ByteSink = std::function<void(std::span<const std::byte>)>;
void save_checkpoint(const std::filesystem::path& dir,
                     const std::filesystem::path& source_dir,
                     const Json& config,
                     const std::vector<TensorSpec>& specs,
                     const std::function<void(const TensorSpec&, const ByteSink&)>& write_tensor,
                     const SaveOptions& options = {});

}  // namespace retmask
