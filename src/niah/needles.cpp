#include "retmask/niah/needles.h"

#include <algorithm>
#include <sstream>

#include "builtin_text.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/json.h"

namespace fs = std::filesystem;

namespace retmask::niah {
namespace {

std::string nonempty(const Json& row, const std::string& key, const std::string& where) {
  std::string value = json_get<std::string>(row, key, where);
  if (value.empty()) user_error(where, ": \"", key, "\" is empty");
  return value;
}

Needle parse_needle(const Json& row, const std::string& where) {
  if (!row.is_object()) {
    user_error(where, ": expected {\"needle\", \"question\", \"real_needle\"}, found ", row.dump());
  }
  return {.needle = nonempty(row, "needle", where),
          .question = nonempty(row, "question", where),
          .real_needle = nonempty(row, "real_needle", where),
          .follows_space = json_get_or<bool>(row, "follows_space", false, where)};
}

void append_builtin(std::string_view rows, std::vector<Needle>& needles) {
  std::istringstream lines{std::string(rows)};
  for (std::string line; std::getline(lines, line);) {
    needles.push_back(parse_needle(parse_json(line, "built-in needles"), "built-in needles"));
  }
}

std::vector<Needle> every_second(const std::vector<Needle>& needles, size_t first) {
  std::vector<Needle> half;
  for (size_t i = first; i < needles.size(); i += 2) half.push_back(needles[i]);
  return half;
}

// Lines within a paragraph are joined; an empty line ends it.
std::string unwrap(std::string_view text) {
  std::string out;
  std::istringstream lines{std::string(text)};
  bool in_paragraph = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) out += (in_paragraph ? " " : "") + line;
    if (line.empty() && in_paragraph) out += "\n\n";
    in_paragraph = !line.empty();
  }
  return out;
}

std::string read_text_files(const fs::path& dir) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
    if (entry.is_regular_file() && entry.path().extension() == ".txt")
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string text;
  for (const fs::path& file : files) {
    if (!text.empty()) text += '\n';
    text += read_text_file(file, "haystack");
  }
  if (text.empty()) user_error("the haystack folder ", dir, " holds no text; expected .txt files");
  return text;
}

}  // namespace

std::vector<Needle> read_needles(const fs::path& path) {
  std::vector<Needle> needles;
  for_each_json_line(path, "needles file", [&](const Json& row, int64_t line) {
    needles.push_back(parse_needle(row, path.string() + ":" + std::to_string(line)));
  });
  if (needles.empty()) user_error("the needles file ", path, " is empty");
  return needles;
}

std::vector<std::string> read_haystacks(const fs::path& dir, size_t num_needles) {
  if (!fs::is_directory(dir)) user_error("the haystack folder ", dir, " does not exist");
  if (!fs::is_directory(dir / "part1")) {
    return std::vector<std::string>(num_needles, read_text_files(dir));
  }
  std::vector<std::string> haystacks;
  for (size_t i = 1; i <= num_needles; ++i) {
    const fs::path part = dir / ("part" + std::to_string(i));
    if (!fs::is_directory(part)) {
      user_error("the haystack folder ",
                 dir,
                 " has no part",
                 i,
                 ", but there are ",
                 num_needles,
                 " needles");
    }
    haystacks.push_back(read_text_files(part));
  }
  return haystacks;
}

const char* const kNeedleSets = "few, literal, non-literal, all, dev, test";
const char* const kDefaultNeedles = "few";

std::optional<std::vector<Needle>> builtin_needles(std::string_view set) {
  constexpr size_t kFew = 3;
  std::vector<Needle> needles;
  if (set != "non-literal") append_builtin(kLiteralNeedles, needles);
  if (set != "few" && set != "literal") append_builtin(kNonLiteralNeedles, needles);
  if (set == "few") needles.resize(kFew);
  if (set == "dev") return every_second(needles, 0);
  if (set == "test") return every_second(needles, 1);
  if (set == "few" || set == "literal" || set == "non-literal" || set == "all") return needles;
  return std::nullopt;
}

std::string builtin_haystack() { return unwrap(kBuiltinHaystack); }

std::string NeedlesAndHaystacks::fingerprint() const {
  std::string digests;
  for (const Needle& needle : needles) {
    digests += sha256(needle.needle) + sha256(needle.question) + sha256(needle.real_needle);
  }
  for (const std::string& haystack : haystacks) digests += sha256(haystack);
  return sha256(digests);
}

NeedlesAndHaystacks load_needles_and_haystacks(const fs::path& needles, const fs::path& haystack) {
  NeedlesAndHaystacks data;
  auto builtin = builtin_needles(needles.empty() ? kDefaultNeedles : needles.string());
  if (!builtin && !fs::exists(needles)) {
    user_error("the needles file ",
               needles,
               " does not exist; expected a JSONL file or the name of a built-in set: ",
               kNeedleSets);
  }
  data.needles = builtin ? *std::move(builtin) : read_needles(needles);
  data.haystacks = haystack.empty()
                       ? std::vector<std::string>(data.needles.size(), builtin_haystack())
                       : read_haystacks(haystack, data.needles.size());
  return data;
}

}  // namespace retmask::niah
