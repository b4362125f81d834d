#include "retmask/niah/sample_journal.h"

#include <algorithm>

#include "retmask/niah/sample_rows.h"

namespace retmask::niah {

SampleJournal::SampleJournal(const std::vector<Sample>& samples, Journal& journal)
    : samples_(samples), journal_(journal), rows_(finished_rows(journal, samples)) {}

std::vector<size_t> SampleJournal::waiting() const {
  std::vector<size_t> waiting;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (!rows_[i]) waiting.push_back(i);
  }
  std::ranges::stable_sort(
      waiting, {}, [&](size_t i) -> const std::vector<int64_t>& { return samples_[i].prompt; });
  return waiting;
}

void SampleJournal::finish(size_t sample, Json row) {
  journal_.append(row);
  rows_[sample] = std::move(row);
}

std::vector<Json> SampleJournal::close() && {
  std::vector<Json> rows;
  for (auto& row : rows_) rows.push_back(std::move(row).value());
  if (rows != journal_.rows()) write_json_lines(journal_.path(), rows);
  return rows;
}

}  // namespace retmask::niah
