#pragma once
// Options of mask.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/head_mask.h"

namespace retmask::mask {

enum class Selection {
  retrieval,      // the heads given by threshold, top_k or heads
  non_retrieval,  // as many other heads, drawn at random: the control experiment
  random,         // as many heads, drawn at random from all
};

std::string to_string(Selection selection);
// Throws UserError listing the known names.
Selection parse_selection(const std::string& name);

// Names of the flags of SelectOptions in errors; those of synthesize differ from the defaults.
struct SelectFlags {
  std::string threshold = "--threshold";
  std::string top_k = "--top-k";
};

struct SelectOptions {
  // The retrieval heads: exactly one of the next three must be given.
  std::optional<double> threshold = {};  // minimum mean score, such as 0.1
  std::optional<int64_t> top_k = {};     // first ones by mean score or in the order of the list
  std::vector<std::string> heads = {};   // explicit heads: "18-6"
  Selection selection = Selection::retrieval;
  uint64_t seed = 0;  // for the random selections
  SelectFlags flags = {};

  // Throws UserError.
  void validate() const;
};

// Mode mean. The means come from the caller: this library never builds a network.
struct MeanOptions {
  // Called once, with the heads to mask; returns a mask of mode mean. Null: mode zero.
  std::function<HeadMask(const std::vector<Head>& heads)> measure = nullptr;
  Json text = {};  // the text of the means, for mask.json
};

struct Options {
  // Any form of read_head_list(); optional if select.heads is given.
  std::filesystem::path scores = {};
  SelectOptions select = {};
  MeanOptions mean = {};
  bool spec_only = false;  // write only mask.json
  // Also writes all of `scores` as DuoAttention's gates to this file; empty: none.
  std::filesystem::path duo_attention_table = {};
  SaveOptions save = {};

  // Throws UserError.
  void validate() const;
};

}  // namespace retmask::mask
