#pragma once
// Prompt files: their rows, and what a row says.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/rows/row_files.h"
#include "retmask/synthesize/options.h"

namespace retmask::synthesize {

// Expands folders to the prompt files in them, sorted by path. Hidden files and metadata of the
// datasets library are skipped. Throws UserError for a missing path and for a folder without prompt
// files.
std::vector<std::filesystem::path> expand_folders(const std::vector<std::filesystem::path>& paths);

// rows::for_each_row() for a prompt file. Throws UserError for an unknown extension.
void for_each_prompt_row(const std::filesystem::path& file,
                         const std::vector<std::string>& columns,
                         const rows::RowVisitor& visit);

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
