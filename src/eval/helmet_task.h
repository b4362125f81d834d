#pragma once
// HELMET's configurations: data sets at lengths (configs/*.yaml there; configs/eval/helmet.json).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval::helmet {

// A data set at a length.
struct Task {
  std::string base = {};       // key of "datasets" in helmet.json: "alce_asqa"
  std::string dataset = {};    // HELMET's name for it: "alce_asqa_30"
  int64_t length = 0;          // most tokens of prompt and answer; 0: no limit
  int64_t size = 0;            // number in the name: documents, shots, tokens
  std::string test_file = {};  // relative to the data folder
  std::string demo_file = {};  // of the demonstrations; empty: the data set has no such file
  int64_t max_samples = 0;     // 0: all, in the file's order
  int64_t shots = 0;           // demonstrations (ICL has `size` instead)
  uint64_t seed = 42;
  std::string variant = {};  // of files outside the table: "k5a"

  const Json& settings() const;             // entry of "datasets"
  const Json& style() const;                // its templates
  std::string text(const char* key) const;  // of `settings`; "" if it has none
  int64_t max_new_tokens() const;
  bool uses_chat() const;  // HELMET writes its prompt in the chat template
  // HELMET's configuration asks for answers of one line, with a misspelled key that has no effect.
  bool asks_for_one_line() const;
};

const Json& datasets();
std::vector<int64_t> table_lengths();
std::vector<std::string> category_names();

// "alce_asqa_30" -> "alce_asqa" and 30; "alce_asqa" -> no number. Nullopt for a name of no data
// set.
struct DatasetName {
  std::string base = {};
  std::optional<int64_t> size = {};
};
std::optional<DatasetName> parse_dataset_name(const std::string& name);

// The task of a data set at `length`. Sizes of a length that is not in HELMET's table are those of
// the next longer one (of the longest for more), which is then cut to the length; only LongQA and
// Summ follow any length exactly.
Task make_task(const DatasetName& name, int64_t length);

}  // namespace retmask::eval::helmet
