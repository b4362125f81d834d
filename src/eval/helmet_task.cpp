#include "helmet_task.h"

#include <algorithm>

#include "builtin_data.h"
#include "retmask/base/error.h"

namespace retmask::eval::helmet {
namespace {

const Json& helmet() { return builtin_data("helmet"); }

// What the table has for a length: see make_task().
size_t table_column(int64_t length) {
  const std::vector<int64_t> lengths = table_lengths();
  const auto found = std::lower_bound(lengths.begin(), lengths.end(), length);
  return static_cast<size_t>(std::min(found, lengths.end() - 1) - lengths.begin());
}

int64_t size_at(const Json& settings, const char* key, int64_t length) {
  const Json& sizes = settings.at(key);
  const size_t column = table_column(length);
  const auto size = sizes.at(column).get<int64_t>();
  // Both LongQA and Summ leave room for the rest of the prompt.
  const bool follows = settings.contains("min_tokens");
  return follows ? size + length - table_lengths().at(column) : size;
}

std::string with_size(const std::string& text, int64_t size) {
  return fill_template(text, {{"size", std::to_string(size)}});
}

// The number between what `suffix` has before and behind "{size}".
std::optional<int64_t> number_in(const std::string& text, const std::string& suffix) {
  const size_t at = suffix.find("{size}");
  const std::string before = suffix.substr(0, at);
  const std::string behind = suffix.substr(at + 6);
  if (!text.starts_with(before) || !text.ends_with(behind)) return {};
  if (text.size() <= before.size() + behind.size()) return {};
  const std::string digits =
      text.substr(before.size(), text.size() - before.size() - behind.size());
  const bool is_number =
      digits.size() <= 15 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return {};
  return std::stoll(digits);
}

}  // namespace

const Json& datasets() { return helmet().at("datasets"); }

std::vector<int64_t> table_lengths() { return helmet().at("lengths").get<std::vector<int64_t>>(); }

std::vector<std::string> category_names() {
  return helmet().at("categories").get<std::vector<std::string>>();
}

const Json& Task::settings() const { return datasets().at(base); }

const Json& Task::style() const { return helmet().at("styles").at(text("style")); }

std::string Task::text(const char* key) const { return settings().value(key, std::string()); }

int64_t Task::max_new_tokens() const { return settings().at("max_new_tokens").get<int64_t>(); }

bool Task::asks_for_one_line() const {
  const Json& categories = helmet().at("stop_new_line");
  return std::find(categories.begin(), categories.end(), text("category")) != categories.end();
}

bool Task::uses_chat() const { return settings().value("chat", false); }

std::optional<DatasetName> parse_dataset_name(const std::string& name) {
  for (const auto& [base, settings] : datasets().items()) {
    if (name == base) return DatasetName{base, {}};
    const std::string suffix = settings.value("name_suffix", std::string());
    if (suffix.empty() || !name.starts_with(base)) continue;
    if (const auto size = number_in(name.substr(base.size()), suffix))
      return DatasetName{base, size};
  }
  return {};
}

Task make_task(const DatasetName& name, int64_t length) {
  Task task{.base = name.base, .dataset = name.base, .length = length};
  const Json& settings = task.settings();
  if (settings.contains("name_suffix")) {
    task.size = name.size.value_or(size_at(settings, "name_sizes", length));
    task.dataset += with_size(task.text("name_suffix"), task.size);
  }
  task.test_file = task.text("test");
  if (settings.contains("file_sizes")) {
    task.test_file = with_size(task.test_file, size_at(settings, "file_sizes", length));
  }
  task.demo_file = task.text("demos");
  task.max_samples = settings.value("max_samples", int64_t{100});
  task.shots = settings.value("shots", int64_t{2});
  return task;
}

}  // namespace retmask::eval::helmet
