#pragma once
// Parses one row of a prompt file: the messages to answer and the row's metadata.

#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize {

// Fields missing from the row are empty.
struct PromptRecord {
  std::string id;
  std::optional<Json> messages;              // as in Prompt; empty: blank
  Json template_variables = Json::object();  // as in Prompt
  int64_t user_turns = 0;                    // of the whole conversation
  std::optional<std::string> language;
  std::optional<bool> redacted;
  std::optional<bool> toxic;
};

// All columns read by read_record().
std::vector<std::string> known_columns(const PromptOptions& options);

// Throws UserError with `where`.
PromptRecord read_record(const Json& row, const PromptOptions& options, const std::string& where);

// Applies the PromptFilters that work on a single row.
class RecordFilter {
 public:
  explicit RecordFilter(const PromptFilters& filters) : filters_(filters) {}

  // Empty if the row is kept.
  std::optional<SkipReason> look_at(const PromptRecord& record);

  // Throws UserError if a filter is set on a field that no row had.
  void check_fields(int64_t rows) const;

 private:
  bool is_wanted_language(const PromptRecord& record) const;

  const PromptFilters& filters_;
  bool saw_language_ = false;
  bool saw_redacted_ = false;
  bool saw_toxic_ = false;
};

}  // namespace retmask::synthesize
