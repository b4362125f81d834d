#pragma once
// The journal of a command that works through samples: what is left to do, and what was done.

#include <filesystem>
#include <optional>
#include <vector>

#include "retmask/base/journal.h"

namespace retmask {

class SampleJournal {
 public:
  // `identities`: one object per sample. The row of a sample has all these fields with these
  // values, and others with its result. Samples with equal identities have equal results. Throws
  // UserError like Journal, and if the file has rows of other samples.
  SampleJournal(const std::filesystem::path& path, const std::vector<Json>& identities);

  const std::filesystem::path& path() const { return journal_.path(); }
  size_t size() const { return rows_.size(); }
  // Indexes of the samples that have no row yet, in order.
  std::vector<size_t> waiting() const;
  bool is_complete() const { return waiting().empty(); }
  // Keeps the row of a waiting sample. It is on disk when this returns.
  void finish(size_t sample, Json row);
  // Call it when none is waiting: rewrites the file in sample order, so that its bytes depend
  // neither on the order of the answers nor on interruptions, and returns its rows.
  std::vector<Json> close() &&;

 private:
  Journal journal_;
  std::vector<std::optional<Json>> rows_;
  bool is_in_order_ = true;  // the rows on disk are those of the first samples, in order
};

}  // namespace retmask
