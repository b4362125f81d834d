#pragma once
// The data folder of HELMET: its archive, and exports of the hub's data sets.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval::helmet {

struct DataRow {
  Json fields = {};
  std::string where = {};  // "file:line"

  // Each throws UserError, which names the row and the field, if it is missing or of another type.
  std::string text(const char* key) const;
  std::vector<std::string> texts(const char* key) const;
  int64_t integer(const char* key) const;
  std::vector<DataRow> objects(const char* key) const;
  bool has(const char* key) const;  // and it is not null
  // A text or a whole number.
  Json key(const char* name) const;
  // Python's str() of it.
  std::string key_text(const char* name) const;
};

class DataFolder {
 public:
  // `root` has the folders data and prompts of HELMET's repository, or is that data folder.
  explicit DataFolder(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  // The file, or the same as .parquet or .jsonl.gz; nullopt if there is none.
  std::optional<std::filesystem::path> find(const std::string& file) const;
  // Rows of a file in order. Throws UserError that says which fields of which source it must have
  // if it is missing, and for an empty one.
  std::vector<DataRow> rows(const std::string& file,
                            const std::vector<std::string>& fields,
                            const std::string& source) const;

  // The first row of a file that is there; null if it has none with these fields.
  Json first_row(const std::filesystem::path& file, const std::vector<std::string>& fields) const;

 private:
  std::filesystem::path root_;
};

}  // namespace retmask::eval::helmet
