#include "retmask/train/examples.h"

#include <algorithm>
#include <span>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"
#include "truncation.h"

namespace retmask::train {
namespace {

std::vector<int64_t> join(const TokenIds& prompt, int64_t skips, const TokenIds& answer) {
  std::vector<int64_t> ids(prompt.begin() + skips, prompt.end());
  ids.insert(ids.end(), answer.begin(), answer.end());
  return ids;
}

// Nothing predicts a sequence's first token.
int64_t start_after(const TokenIds& prompt, int64_t skips) {
  return std::max<int64_t>(static_cast<int64_t>(prompt.size()) - skips, 1);
}

// Applies --max-length to rows as they come and counts what it did.
class LengthLimit {
 public:
  LengthLimit(const TrainOptions& options, int64_t max_positions)
      : limit_(limit_of(options, max_positions)),
        policy_(options.long_rows),
        as_reference_(options.reference_truncation) {
    if (limit_ > max_positions) {
      user_error(as_reference_ ? "--reference-truncation to " : "--max-length ",
                 limit_,
                 " exceeds the model's maximum of ",
                 max_positions,
                 " positions; if the model supports more, give --max-position");
    }
  }

  // False: the row is dropped.
  bool admit(TrainingExample& example) {
    if (as_reference_) {
      if (truncate_as_reference(example)) ++long_;
      return true;
    }
    if (example.longest() <= limit_) return true;
    if (long_++ == 0) {
      first_ = example.where + " with " + std::to_string(example.longest()) + " tokens";
    }
    const auto room = limit_ - static_cast<int64_t>(example.prompt.size());
    if (policy_ != LongRows::truncate || room <= 0) {
      ++dropped_;
      return false;
    }
    for (TokenIds* answer : {&example.chosen, &example.rejected}) {
      answer->resize(std::min(answer->size(), static_cast<size_t>(room)));
    }
    return true;
  }

  // After the last row. Throws UserError under LongRows::error.
  void report(int64_t num_rows) const {
    if (long_ == 0) return;
    if (as_reference_) {
      log::warn(
          detail::concat("--reference-truncation truncated ", long_, " of ", num_rows, " rows"));
      return;
    }
    const std::string what = detail::concat(long_,
                                            " of ",
                                            num_rows,
                                            " rows are longer than ",
                                            limit_,
                                            " tokens (the first: ",
                                            first_,
                                            ")");
    if (policy_ == LongRows::error) {
      user_error(
          what,
          "; give --long-rows drop or truncate, or a larger --max-length if the model allows");
    }
    log::warn(detail::concat(what, "; ", dropped_, " dropped, ", long_ - dropped_, " truncated"));
  }

 private:
  static int64_t limit_of(const TrainOptions& options, int64_t max_positions) {
    if (options.reference_truncation) return ReferenceTruncation{}.max_length;
    return options.max_length > 0 ? options.max_length : max_positions;
  }

  int64_t limit_;
  LongRows policy_;
  bool as_reference_;
  int64_t long_ = 0;
  int64_t dropped_ = 0;
  std::string first_;
};

}  // namespace

std::vector<int64_t> TrainingExample::chosen_sequence() const {
  return join(prompt, chosen_skips, chosen);
}
std::vector<int64_t> TrainingExample::rejected_sequence() const {
  return join(prompt, rejected_skips, rejected);
}

int64_t TrainingExample::chosen_start() const { return start_after(prompt, chosen_skips); }
int64_t TrainingExample::rejected_start() const { return start_after(prompt, rejected_skips); }

int64_t TrainingExample::chosen_length() const {
  return static_cast<int64_t>(prompt.size() + chosen.size()) - chosen_skips;
}

int64_t TrainingExample::rejected_length() const {
  if (rejected.empty()) return 0;
  return static_cast<int64_t>(prompt.size() + rejected.size()) - rejected_skips;
}

int64_t TrainingExample::num_tokens() const { return chosen_length() + rejected_length(); }

int64_t TrainingExample::longest() const { return std::max(chosen_length(), rejected_length()); }

std::vector<TrainingExample> read_examples(const std::vector<std::filesystem::path>& files,
                                           const RowTokenizer& tokenizer,
                                           const TrainOptions& options,
                                           int64_t max_positions) {
  LengthLimit limit(options, max_positions);
  std::vector<TrainingExample> examples;
  int64_t num_rows = 0;
  Progress progress("tokenize", /*total=*/0, "rows");
  for (const auto& file : files) {
    for_each_row(file, options.loss, [&](const TextRow& row) {
      ++num_rows;
      progress.advance();
      TrainingExample example = tokenizer.tokenize(row);
      if (limit.admit(example)) examples.push_back(std::move(example));
    });
  }
  progress.finish();
  if (num_rows == 0) {
    user_error("the training file ",
               files.front(),
               files.size() > 1 ? " (and the others)" : "",
               " has no rows");
  }
  limit.report(num_rows);
  if (examples.empty())
    user_error("no row is left after --long-rows ", to_string(options.long_rows));
  return examples;
}

std::string hash_examples(const std::vector<TrainingExample>& examples) {
  std::string hashes;  // per row, so that the tokens are never copied as a whole
  for (const TrainingExample& example : examples) {
    std::string bytes;
    for (const TokenIds* ids : {&example.prompt, &example.chosen, &example.rejected}) {
      const auto count = static_cast<int64_t>(ids->size());
      bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
      bytes.append(reinterpret_cast<const char*>(ids->data()), ids->size() * sizeof(int32_t));
    }
    for (const int64_t skips : {example.chosen_skips, example.rejected_skips}) {
      bytes.append(reinterpret_cast<const char*>(&skips), sizeof skips);
    }
    hashes += sha256(bytes);
  }
  return sha256(hashes);
}

}  // namespace retmask::train
