#include "retmask/train/examples.h"

#include <algorithm>
#include <span>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"

namespace retmask::train {
namespace {

std::vector<int64_t> join(const TokenIds& prompt, const TokenIds& answer) {
  std::vector<int64_t> ids(prompt.begin(), prompt.end());
  ids.insert(ids.end(), answer.begin(), answer.end());
  return ids;
}

// Applies --max-length to rows as they come and remembers what it did.
class LengthLimit {
 public:
  LengthLimit(const TrainOptions& options, int64_t max_positions)
      : limit_(options.max_length > 0 ? options.max_length : max_positions),
        policy_(options.long_rows) {
    if (limit_ > max_positions) {
      user_error(
          "--max-length ", limit_, " exceeds the model's maximum of ", max_positions, " positions");
    }
  }

  // False: leave the row out.
  bool admit(TrainingExample& example) {
    if (example.longest() <= limit_) return true;
    if (long_++ == 0) {
      first_ = example.where + " with " + std::to_string(example.longest()) + " tokens";
    }
    const auto room = limit_ - static_cast<int64_t>(example.prompt.size());
    if (policy_ != LongRows::truncate || room <= 0) {
      ++left_out_;
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
    log::warn(detail::concat(what, "; ", left_out_, " left out, ", long_ - left_out_, " cut"));
  }

 private:
  int64_t limit_;
  LongRows policy_;
  int64_t long_ = 0;
  int64_t left_out_ = 0;
  std::string first_;
};

}  // namespace

std::vector<int64_t> TrainingExample::chosen_sequence() const { return join(prompt, chosen); }
std::vector<int64_t> TrainingExample::rejected_sequence() const { return join(prompt, rejected); }

int64_t TrainingExample::num_tokens() const {
  size_t count = prompt.size() + chosen.size();
  if (!rejected.empty()) count += prompt.size() + rejected.size();
  return static_cast<int64_t>(count);
}

int64_t TrainingExample::longest() const {
  return static_cast<int64_t>(prompt.size() + std::max(chosen.size(), rejected.size()));
}

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
  std::string hashes;  // of each row, so that the tokens are never copied as a whole
  for (const TrainingExample& example : examples) {
    std::string bytes;
    for (const TokenIds* ids : {&example.prompt, &example.chosen, &example.rejected}) {
      const auto count = static_cast<int64_t>(ids->size());
      bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
      bytes.append(reinterpret_cast<const char*>(ids->data()), ids->size() * sizeof(int32_t));
    }
    hashes += sha256(bytes);
  }
  return sha256(hashes);
}

}  // namespace retmask::train
