#include "retmask/base/sample_journal.h"

#include <deque>
#include <map>
#include <string>

#include "retmask/base/error.h"

namespace retmask {
namespace {

using Names = std::vector<std::string>;

Names names_of(const Json& identity) {
  Names names;
  for (const auto& [name, value] : identity.items()) names.push_back(name);
  return names;
}

// The fields `names` of a row as one line, as they are in the file; nothing if one is missing.
std::optional<std::string> fields_of(const Json& row, const Names& names) {
  Json fields = Json::object();
  for (const std::string& name : names) {
    if (!row.contains(name)) return std::nullopt;
    fields[name] = row[name];
  }
  return dump_json_line(fields);
}

// Finds the samples that rows belong to.
class SampleIndex {
 public:
  explicit SampleIndex(const std::vector<Json>& identities) {
    for (size_t i = 0; i < identities.size(); ++i) {
      samples_[names_of(identities[i])][dump_json_line(identities[i])].push_back(i);
    }
  }

  // Takes the first sample left with these fields; nothing if there is none.
  std::optional<size_t> take(const Json& row) {
    for (auto& [names, samples] : samples_) {
      const auto fields = fields_of(row, names);
      if (!fields) continue;
      const auto found = samples.find(*fields);
      if (found == samples.end() || found->second.empty()) continue;
      const size_t sample = found->second.front();
      found->second.pop_front();
      return sample;
    }
    return std::nullopt;
  }

 private:
  // Samples of one kind have the same fields. In order, so that equal ones take their rows in turn.
  std::map<Names, std::map<std::string, std::deque<size_t>>> samples_;
};

}  // namespace

SampleJournal::SampleJournal(const std::filesystem::path& path, const std::vector<Json>& identities)
    : journal_(path), rows_(identities.size()) {
  if (journal_.empty()) return;
  SampleIndex samples(identities);
  size_t count = 0;
  for (Json& row : journal_.rows()) {
    const auto sample = samples.take(row);
    if (!sample) user_error(path, " holds samples of another run; give another --out");
    is_in_order_ = is_in_order_ && *sample == count++;
    rows_[*sample] = std::move(row);
  }
}

std::vector<size_t> SampleJournal::waiting() const {
  std::vector<size_t> waiting;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (!rows_[i]) waiting.push_back(i);
  }
  return waiting;
}

void SampleJournal::finish(size_t sample, Json row) {
  RETMASK_CHECK(!rows_.at(sample), path(), " has a row of sample ", sample);
  is_in_order_ = is_in_order_ && (sample == 0 || rows_[sample - 1]);
  journal_.append(row);
  rows_[sample] = std::move(row);
}

std::vector<Json> SampleJournal::close() && {
  std::vector<Json> rows;
  for (auto& row : rows_) {
    RETMASK_CHECK(row, path(), " lacks the row of sample ", rows.size());
    rows.push_back(std::move(*row));
  }
  if (!is_in_order_) write_json_lines(path(), rows);
  return rows;
}

}  // namespace retmask
