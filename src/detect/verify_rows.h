#pragma once
// The rows of verify.jsonl: {"of": {"mask", "k", "draw", "heads": SHA-256 of their names
// and means, and the fields of the sample or "question"}, "right", "needle_logprob" (of a sample),
// "answer"}.

#include <string>
#include <vector>

#include "control_questions.h"
#include "retmask/base/journal.h"
#include "retmask/niah/sample.h"
#include "verify_policies.h"

namespace retmask::detect {

// What is asked under each mask: a sample of the grid, or a question without a context.
struct VerifyItem {
  const niah::Sample* sample = nullptr;
  const ControlQuestion* question = nullptr;
  std::vector<int64_t> prompt = {};  // of a question
};

// One row for each policy and item. The arguments must outlive it.
class VerifyRows {
 public:
  // Takes over the finished rows of the journal that are of these policies and items. Throws
  // UserError for a malformed row.
  VerifyRows(const std::vector<VerifyPolicy>& policies,
             const std::vector<VerifyItem>& items,
             Journal& journal);

  const Json& at(size_t policy, size_t item) const { return rows_[policy * num_items_ + item]; }
  bool is_finished(size_t policy, size_t item) const;
  int64_t num_finished() const;
  int64_t num_rows() const { return static_cast<int64_t>(rows_.size()); }

  // Sets values of a row, {name: value}. Appends it to the journal once it has all; returns
  // whether.
  bool set(size_t policy, size_t item, const Json& values);

  // Rewrites the journal in order, without rows of other policies.
  void write() const;

 private:
  Journal& journal_;
  size_t num_items_;
  std::vector<Json> rows_;  // [policies, items]
};

}  // namespace retmask::detect
