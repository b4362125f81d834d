#pragma once
// A model built by hand in which one head alone retrieves, and samples for it.
//
// Tokens are one-hot vectors in the first half of the hidden dimensions; what the planted head
// reads goes into the second half, where lm_head looks for it. The planted head's query for a token
// of the chain K, n1, n2, n3, n4 matches the key of the next one, and it copies what it attends to:
// after K the model repeats n1 n2 n3 n4 if and only if they are in its context. Everything else is
// noise.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "retmask/model/model.h"
#include "retmask/niah/sample.h"
#include "word_tokenizer.h"

namespace retmask::detect {

class PlantedHead {
 public:
  static constexpr int64_t kVocabulary = 32;
  static constexpr int64_t kHeadDim = 64;
  static constexpr int64_t kHeads = 4;
  static constexpr int64_t kKvHeads = 2;
  static constexpr Head kHead{1, 2};

  PlantedHead() {
    for (const char* word : {" K", " n1", " n2", " n3", " n4"}) chain_.push_back(id(word));
  }

  const Tokenizer& tokenizer() const { return tokenizer_; }
  int64_t eos() const { return id("."); }

  CausalLm model() const {
    ModelConfig config;
    config.model_type = "llama";
    config.vocab_size = kVocabulary;
    config.hidden_size = 2 * kVocabulary;
    config.intermediate_size = 32;
    config.num_attention_heads = kHeads;
    config.num_key_value_heads = kKvHeads;
    config.head_dim = kHeadDim;
    config.max_positions = 4096;
    // So slow that half of the head's dimensions do not turn: matching_dim().
    config.layers.resize(2, {.sliding_window = std::nullopt, .rope = {.rope_theta = 1e30}});
    CausalLm model = CausalLm::empty(config, torch::kCPU, torch::kFloat32);
    const torch::NoGradGuard no_grad;
    torch::manual_seed(7);
    for (auto& [name, parameter] : model.parameters()) plant(name, parameter);
    return model;
  }

  // A needle in `before` and `after` words, and the question " K".
  niah::Sample sample(int64_t before, int64_t after) const {
    niah::Sample sample;
    sample.real_needle = "n1 n2 n3 n4";
    sample.needle_tokens = {chain_.begin() + 1, chain_.end()};
    sample.length = before + after;
    sample.prompt = haystack(before);
    sample.span.begin = static_cast<int64_t>(sample.prompt.size());
    for (const int64_t token : sample.needle_tokens) sample.prompt.push_back(token);
    sample.span.end = static_cast<int64_t>(sample.prompt.size());
    for (const int64_t token : haystack(after)) sample.prompt.push_back(token);
    sample.question.begin = static_cast<int64_t>(sample.prompt.size());
    sample.prompt.push_back(chain_.front());
    sample.question.end = static_cast<int64_t>(sample.prompt.size());
    sample.null_shared = sample.question.begin;
    sample.null_tail = {id(" N")};
    sample.null_question = sample.question;
    return sample;
  }

 private:
  int64_t id(const std::string& word) const {
    return tokenizer_.encode(word, /*add_special_tokens=*/false).at(0);
  }

  std::vector<int64_t> haystack(int64_t words) const {
    std::vector<int64_t> tokens;
    for (int64_t i = 0; i < words; ++i) tokens.push_back(id(" f" + std::to_string(i * i % 7)));
    return tokens;
  }

  // Where token `id` lies in the queries and keys of the planted head: RoPE turns pairs of
  // dimensions i and i + 32, and those with i >= 16 by less than 1e-11.
  static int64_t matching_dim(int64_t id) { return id < 16 ? 16 + id : 32 + id; }

  void plant(const std::string& name, torch::Tensor w) const {
    if (name.ends_with("norm.weight")) {
      w.fill_(1.0);
    } else {
      w.normal_(0.0, 0.02);
    }
    const auto set = [&](int64_t row, int64_t column, double value) {
      w.index_put_({row, column}, value);
    };
    const std::string attention = "model.layers.1.self_attn.";
    const int64_t kv_row = kHead.head / (kHeads / kKvHeads) * kHeadDim;
    if (name == "model.embed_tokens.weight") {
      w.zero_();
      for (int64_t id = 0; id < kVocabulary; ++id) set(id, id, 1.0);
    } else if (name == "lm_head.weight") {
      w.zero_();
      for (int64_t id = 0; id < kVocabulary; ++id) set(id, kVocabulary + id, 2.0);
      set(eos(), chain_.back(), 4.0);  // the answer ends after n4
    } else if (name == attention + "q_proj.weight") {
      for (size_t i = 0; i + 1 < chain_.size(); ++i)
        set(kHead.head * kHeadDim + matching_dim(chain_[i + 1]), chain_[i], 2.0);
    } else if (name == attention + "k_proj.weight") {
      for (size_t i = 1; i < chain_.size(); ++i)
        set(kv_row + matching_dim(chain_[i]), chain_[i], 2.0);
    } else if (name == attention + "v_proj.weight") {
      for (int64_t id = 0; id < kVocabulary; ++id) set(kv_row + id, id, 0.25);
    } else if (name == attention + "o_proj.weight") {
      for (int64_t id = 0; id < kVocabulary; ++id)
        set(kVocabulary + id, kHead.head * kHeadDim + id, 1.0);
    }
  }

  niah::WordTokenizer tokenizer_;
  std::vector<int64_t> chain_;
};

}  // namespace retmask::detect
