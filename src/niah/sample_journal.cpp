#include "retmask/niah/sample_journal.h"

#include <span>

#include "retmask/engine/generator.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::niah {

SampleJournal::SampleJournal(const std::vector<Sample>& samples, Journal& journal)
    : samples_(samples), journal_(journal), rows_(finished_rows(journal, samples)) {}

std::vector<size_t> SampleJournal::waiting() const {
  std::vector<size_t> unfinished;
  std::vector<std::span<const int64_t>> prompts;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i]) continue;
    unfinished.push_back(i);
    prompts.emplace_back(samples_[i].prompt);
  }
  std::vector<size_t> waiting;
  for (const size_t i : prefix_order(prompts)) waiting.push_back(unfinished[i]);
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
