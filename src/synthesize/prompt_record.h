#pragma once
// One row of a prompt file -> the messages to answer and what is known about them.

#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize {

// Fields that the row does not have are empty.
struct PromptRecord {
  std::string id;
  std::optional<Json> messages;              // as in Prompt; nothing: blank
  Json template_variables = Json::object();  // as in Prompt
  int64_t user_turns = 0;                    // in the whole conversation
  std::optional<std::string> language;
  std::optional<bool> redacted;
  std::optional<bool> toxic;
};

// Every column that read_record looks at.
std::vector<std::string> known_columns(const PromptOptions& options);

// Throws UserError naming `where`.
PromptRecord read_record(const Json& row, const PromptOptions& options, const std::string& where);

// PromptFilters but for those that need more than one row.
class RecordFilter {
 public:
  explicit RecordFilter(const PromptFilters& filters) : filters_(filters) {}

  // Nothing when the row stays.
  std::optional<SkipReason> look_at(const PromptRecord& record);

  // Throws UserError when none of the rows looked at had a field that a filter asks for.
  void check_fields(int64_t rows) const;

 private:
  bool is_wanted_language(const PromptRecord& record) const;

  const PromptFilters& filters_;
  bool saw_language_ = false;
  bool saw_redacted_ = false;
  bool saw_toxic_ = false;
};

}  // namespace retmask::synthesize
