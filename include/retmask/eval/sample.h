#pragma once
// A sample of a generative benchmark: a prompt, and how the answer to it is judged.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/engine/sampler.h"

namespace retmask::eval {

struct Prompt {
  Json messages = Json::array();  // [{"role", "content"}, ...]; without a template: only one
  // Appended to the prompt; behind a template's generation prompt, it begins the answer.
  std::string answer_start = {};
};

// A single message of the user.
Prompt user_prompt(std::string text, std::string answer_start = {});

struct Sample {
  std::string id = {};  // unique within a run; the same in runs of other models
  std::string task = {};
  std::optional<int64_t> length = {};  // requested size, by which results are grouped
  std::vector<int64_t> prompt = {};    // tokens; empty if only a server knows them
  bool opens_thinking = false;         // the prompt, at its end: see tokenizer/thinking_tags.h
  Json messages = {};                  // the prompt for a server; null for a model of our own
  std::vector<std::string> references = {};
  std::string metric = {};  // a name of src/eval/metrics.cpp
  int64_t max_new_tokens = 0;
  SamplingParams sampling = {};        // greedy unless given; the draws depend on the id alone
  std::vector<std::string> stop = {};  // the answer ends before the first of these texts
  Json meta = Json::object();          // further fields of its row in predictions.jsonl
};

}  // namespace retmask::eval
