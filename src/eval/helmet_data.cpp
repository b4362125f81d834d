#include "helmet_data.h"

#include "retmask/base/error.h"
#include "retmask/rows/row_files.h"

namespace fs = std::filesystem;

namespace retmask::eval::helmet {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

}  // namespace

bool DataRow::has(const char* key) const {
  const auto found = fields.find(key);
  return found != fields.end() && !found->is_null();
}

std::string DataRow::text(const char* key) const {
  return json_get<std::string>(fields, key, where);
}

std::vector<std::string> DataRow::texts(const char* key) const {
  return json_get<std::vector<std::string>>(fields, key, where);
}

int64_t DataRow::integer(const char* key) const { return json_get<int64_t>(fields, key, where); }

std::vector<DataRow> DataRow::objects(const char* key) const {
  const Json list = json_get<Json>(fields, key, where);
  if (!list.is_array()) user_error(where, ": \"", key, "\" is not a list");
  std::vector<DataRow> rows;
  for (size_t i = 0; i < list.size(); ++i) {
    rows.push_back({list[i], detail::concat(where, ": \"", key, "\"[", i, "]")});
    if (!list[i].is_object()) user_error(rows.back().where, " is not an object");
  }
  return rows;
}

Json DataRow::key(const char* name) const {
  Json value = json_get<Json>(fields, name, where);
  if (value.is_string() || value.is_number_integer()) return value;
  user_error(where,
             ": \"",
             name,
             "\" is ",
             value.dump().substr(0, 40),
             ", expected a text or a whole number");
}

std::string DataRow::key_text(const char* name) const {
  const Json value = key(name);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::optional<fs::path> DataFolder::find(const std::string& file) const {
  std::vector<fs::path> places = {root_ / file};
  if (file.starts_with("data/")) places.push_back(root_ / file.substr(5));
  for (const fs::path& place : places) {
    for (const char* extension : {"", ".parquet", ".jsonl.gz", ".json"}) {
      fs::path path = place;
      if (*extension != '\0') path.replace_extension(extension);
      if (fs::is_regular_file(path)) return path;
    }
  }
  return {};
}

Json DataFolder::first_row(const fs::path& file, const std::vector<std::string>& fields) const {
  struct Found {};  // ends the reading
  Json first;
  try {
    rows::for_each_row({.path = file, .what = "data file of HELMET", .columns = fields},
                       [&](const Json& row, int64_t, const std::string&) {
                         first = row;
                         throw Found();
                       });
  } catch (const Found&) {
  } catch (const UserError&) {  // what is wrong, rows() says
  }
  return first;
}

std::vector<DataRow> DataFolder::rows(const std::string& file,
                                      const std::vector<std::string>& fields,
                                      const std::string& source) const {
  const std::string needed = "rows with " + listed(fields) + ", from " + source;
  const auto path = find(file);
  if (!path) user_error("--data has no ", root_ / file, ": expected ", needed);
  std::vector<DataRow> read;
  rows::for_each_row({.path = *path,
                      .what = "data file of HELMET",
                      .columns = fields,
                      .hint = "expected " + needed},
                     [&](const Json& row, int64_t, const std::string& where) {
                       if (!row.is_object())
                         user_error(where, ": expected an object with ", listed(fields));
                       read.push_back({row, where});
                     });
  if (read.empty()) user_error(*path, " has no rows: expected ", needed);
  return read;
}

}  // namespace retmask::eval::helmet
