#include "retmask/eval/kv_suite.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "builtin_data.h"
#include "fill.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/rows/row_files.h"
#include "suite_options.h"
#include "word_list.h"

namespace retmask::eval {
namespace {

using KvPair = std::pair<std::string, std::string>;

constexpr int64_t kPairsOfOriginal = 75;
constexpr const char* kExpectedPairs =
    "expected {\"ordered_kv_records\": [[key, value], ...], \"key\", \"value\"}, as in "
    "kv-retrieval-75_keys.jsonl of github.com/nelson-liu/lost-in-the-middle";

KvRow parse_kv_row(const Json& row, const std::string& where) {
  for (const char* key : {"ordered_kv_records", "key", "value"}) {
    if (!row.contains(key)) user_error(where, ": \"", key, "\" is missing; ", kExpectedPairs);
  }
  KvRow parsed;
  parsed.pairs = json_get<std::vector<KvPair>>(row, "ordered_kv_records", where);
  const KvPair gold = {json_get<std::string>(row, "key", where),
                       json_get<std::string>(row, "value", where)};
  std::set<std::string> keys;
  for (const KvPair& pair : parsed.pairs) {
    if (keys.insert(pair.first).second) continue;
    user_error(where, ": \"ordered_kv_records\" has the key \"", pair.first, "\" twice");
  }
  const auto found = std::find(parsed.pairs.begin(), parsed.pairs.end(), gold);
  if (found == parsed.pairs.end()) {
    user_error(where, ": \"ordered_kv_records\" has no pair of \"key\" and \"value\"");
  }
  parsed.gold = static_cast<size_t>(found - parsed.pairs.begin());
  return parsed;
}

// The pair that is asked for, and the others as far as they are needed.
class PairSource {
 public:
  PairSource(const std::vector<KvRow>& rows, size_t row, RandomStream random)
      : rows_(rows), row_(row), random_(random) {
    if (!rows.empty()) {
      gold_ = rows[row].pairs[rows[row].gold];
      used_.insert(gold_.first);
    } else {
      gold_ = draw();
    }
  }

  const KvPair& gold() const { return gold_; }

  // The number of all pairs; generated ones do not end.
  int64_t size() {
    if (rows_.empty()) return INT64_MAX / 4;
    while (others_.size() < most_others() && take_next()) {
    }
    return static_cast<int64_t>(others_.size()) + 1;
  }

  // The gold pair at `depth` among `count` pairs, of which there must be enough.
  std::vector<KvPair> pairs(int64_t count, double depth) {
    const auto others = static_cast<size_t>(count - 1);
    while (others_.size() < others) RETMASK_CHECK(take_next());
    std::vector<KvPair> all(others_.begin(), others_.begin() + count - 1);
    all.insert(all.begin() + std::llround(depth * static_cast<double>(others)), gold_);
    return all;
  }

 private:
  size_t most_others() const {
    size_t total = 0;
    for (const KvRow& row : rows_) total += row.pairs.size();
    return total - 1;
  }

  KvPair draw() {
    const auto fresh = [&] { return draw_new(used_, [&] { return draw_uuid(random_); }); };
    std::string key = fresh();
    return {std::move(key), fresh()};
  }

  // False at the end of the rows.
  bool take_next() {
    if (rows_.empty()) {
      others_.push_back(draw());
      return true;
    }
    for (; passed_ < rows_.size(); ++passed_, pair_ = 0) {
      const KvRow& row = rows_[(row_ + passed_) % rows_.size()];
      while (pair_ < row.pairs.size()) {
        const KvPair& pair = row.pairs[pair_++];
        if (!used_.insert(pair.first).second) continue;
        others_.push_back(pair);
        return true;
      }
    }
    return false;
  }

  const std::vector<KvRow>& rows_;
  size_t row_;
  RandomStream random_;
  KvPair gold_;
  std::vector<KvPair> others_ = {};
  std::set<std::string> used_ = {};
  size_t passed_ = 0;  // rows
  size_t pair_ = 0;    // of the current row
};

Prompt kv_prompt(const std::vector<KvPair>& pairs, const std::string& key) {
  const Json& data = builtin_data("kv");
  const auto record = data.at("record").get<std::string>();
  std::string records = "{";
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i > 0) records += ",\n ";
    records += fill_template(record, {{"key", pairs[i].first}, {"value", pairs[i].second}});
  }
  return user_prompt(fill_template(data.at("template").get<std::string>(),
                                   {{"records", records + "}"}, {"key", key}}));
}

// A requested size: a number of pairs, or of tokens.
struct KvSize {
  int64_t value = 0;  // 0: all pairs of the row
  bool is_tokens = false;
};

std::vector<KvSize> requested_sizes(const KvOptions& options, bool has_rows) {
  std::vector<KvSize> sizes;
  for (const int64_t keys : options.keys) sizes.push_back({keys, false});
  for (const int64_t length : options.lengths) sizes.push_back({length, true});
  if (sizes.empty()) sizes.push_back({has_rows ? 0 : kPairsOfOriginal, false});
  return sizes;
}

}  // namespace

void KvOptions::validate() const {
  check_sizes("--keys", keys, /*smallest=*/2);
  check_sizes("--lengths", lengths);
  if (!keys.empty() && !lengths.empty()) {
    user_error("--keys and --lengths both set the number of keys; give only one of them");
  }
  check_depths(depths);
  check_max_samples(max_samples);
}

std::vector<KvRow> read_kv_rows(const std::filesystem::path& path) {
  std::vector<KvRow> rows;
  rows::for_each_row({.path = path,
                      .what = "file of keys and values",
                      .columns = {"ordered_kv_records", "key", "value"},
                      .hint = kExpectedPairs},
                     [&](const Json& row, int64_t, const std::string& where) {
                       rows.push_back(parse_kv_row(row, where));
                     });
  if (rows.empty()) user_error("the file of keys and values ", path, " is empty");
  return rows;
}

std::vector<Sample> build_kv_samples(const KvOptions& options,
                                     const std::vector<KvRow>& rows,
                                     const PromptEncoder& encoder,
                                     int64_t max_positions) {
  options.validate();
  const auto max_new_tokens = builtin_data("kv").at("max_new_tokens").get<int64_t>();
  const int64_t new_tokens = max_new_tokens + encoder.thinking_tokens();
  const int64_t count = rows.empty()
                            ? options.max_samples
                            : std::min(options.max_samples, static_cast<int64_t>(rows.size()));
  std::vector<Sample> samples;
  for (const KvSize& size : requested_sizes(options, !rows.empty())) {
    for (int64_t i = 0; i < count; ++i) {
      stop_point();
      const std::string number = std::to_string(i);
      PairSource source(rows, static_cast<size_t>(i), {options.seed, "kv/" + number});
      const double depth = depth_of(i, std::min(options.depths, count));
      const auto prompt = [&](int64_t pairs) {
        return kv_prompt(source.pairs(pairs, depth), source.gold().first);
      };
      int64_t pairs = size.value;
      if (size.is_tokens) {
        const int64_t limit = prompt_limit(size.value, new_tokens, max_positions);
        if (source.size() < 2) user_error("--data has a single key, expected at least two");
        pairs = largest_fitting(2, source.size(), limit, [&](int64_t keys) {
          return static_cast<int64_t>(encoder.encode(prompt(keys)).size());
        });
        if (pairs < 0) {
          user_error("two keys make a prompt of ",
                     encoder.encode(prompt(2)).size(),
                     " tokens, but there is room for ",
                     limit,
                     "; use larger --lengths");
        }
      } else if (pairs == 0) {
        pairs = static_cast<int64_t>(rows[static_cast<size_t>(i)].pairs.size());
      } else if (pairs > source.size()) {
        user_error("--data has ",
                   source.size(),
                   " different keys, fewer than --keys ",
                   pairs,
                   "; leave --data out to generate them");
      }
      const int64_t length = size.is_tokens ? size.value : pairs;
      samples.push_back({.id = "kv-" + std::to_string(length) + "-" + number,
                         .task = "kv",
                         .length = length,
                         .references = {source.gold().second},
                         .metric = builtin_data("kv").at("metric").get<std::string>(),
                         .max_new_tokens = max_new_tokens,
                         .meta = {{"depth", depth}, {"keys", pairs}}});
      encoder.encode(prompt(pairs), samples.back());
    }
  }
  if (!options.lengths.empty()) warn_of_short_prompts(samples);
  return samples;
}

}  // namespace retmask::eval
