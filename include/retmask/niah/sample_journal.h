#pragma once
// The journal of a command that works through samples: what is left to do, and what was done.

#include <optional>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/niah/sample.h"

namespace retmask::niah {

class SampleJournal {
 public:
  // Both must outlive this object. Throws UserError if the journal has rows of other samples.
  SampleJournal(const std::vector<Sample>& samples, Journal& journal);

  // Indexes of the samples that have no row yet, in the order in which their prompts share most of
  // their beginnings: the engine computes those once.
  std::vector<size_t> waiting() const;
  // Keeps the row of a sample, which begins with to_json(sample).
  void finish(size_t sample, Json row);
  // Call it when none is waiting: rewrites the file in sample order and returns its rows.
  std::vector<Json> close() &&;

 private:
  const std::vector<Sample>& samples_;
  Journal& journal_;
  std::vector<std::optional<Json>> rows_;
};

}  // namespace retmask::niah
