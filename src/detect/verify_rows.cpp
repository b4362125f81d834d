#include "verify_rows.h"

#include <algorithm>
#include <map>

#include "retmask/base/file.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::detect {
namespace {

// A row whose values are still null.
Json new_row(const VerifyPolicy& policy, const VerifyItem& item) {
  std::string names;
  for (const Head& head : policy.heads) names += to_string(head) + " ";
  if (policy.heads.mode() == MaskMode::mean) {
    for (const std::vector<float>& mean : policy.heads.means()) {
      names.append(reinterpret_cast<const char*>(mean.data()), mean.size() * sizeof(float));
    }
  }
  Json of = {
      {"mask", policy.mask}, {"k", policy.k}, {"draw", policy.draw}, {"heads", sha256(names)}};
  if (item.sample == nullptr) {
    of["question"] = item.question->question;
    return {{"of", std::move(of)}, {"right", nullptr}, {"answer", nullptr}};
  }
  of.update(niah::to_json(*item.sample));
  return {
      {"of", std::move(of)}, {"right", nullptr}, {"needle_logprob", nullptr}, {"answer", nullptr}};
}

bool is_complete(const Json& row) {
  return std::ranges::none_of(row, [](const Json& value) { return value.is_null(); });
}

// Throws unless a finished row has the values that a new one is to get.
void check_row(const Json& row, const Json& fresh, const std::string& where) {
  json_get<bool>(row, "right", where);
  json_get<std::string>(row, "answer", where);
  if (fresh.contains("needle_logprob")) json_get<double>(row, "needle_logprob", where);
}

}  // namespace

VerifyRows::VerifyRows(const std::vector<VerifyPolicy>& policies,
                       const std::vector<VerifyItem>& items,
                       Journal& journal)
    : journal_(journal), num_items_(items.size()) {
  std::map<std::string, size_t> places;
  for (const VerifyPolicy& policy : policies) {
    for (const VerifyItem& item : items) {
      rows_.push_back(new_row(policy, item));
      places[rows_.back()["of"].dump()] = rows_.size() - 1;
    }
  }
  // Rows of other policies are those of an earlier --verify.
  const std::string where = journal.path().string();
  for (const Json& row : journal.rows()) {
    const auto found = places.find(json_get<Json>(row, "of", where).dump());
    if (found == places.end()) continue;
    check_row(row, rows_[found->second], where);
    rows_[found->second] = row;
  }
}

bool VerifyRows::is_finished(size_t policy, size_t item) const {
  return is_complete(at(policy, item));
}

int64_t VerifyRows::num_finished() const { return std::ranges::count_if(rows_, is_complete); }

bool VerifyRows::set(size_t policy, size_t item, const Json& values) {
  Json& row = rows_[policy * num_items_ + item];
  row.update(values);
  if (!is_complete(row)) return false;
  journal_.append(row);
  return true;
}

void VerifyRows::write() const {
  if (rows_ != journal_.rows()) write_json_lines(journal_.path(), rows_);
}

}  // namespace retmask::detect
