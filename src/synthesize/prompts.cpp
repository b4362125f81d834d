#include "retmask/synthesize/prompts.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>

#include "prompt_record.h"
#include "prompt_rows.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// Names for ids: the file's name, or its whole path when two files share the name.
std::map<fs::path, std::string> id_names(const std::vector<fs::path>& files) {
  std::map<std::string, int> uses;
  for (const fs::path& file : files) ++uses[file.filename().string()];
  std::map<fs::path, std::string> names;
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    names[file] = uses[name] > 1 ? file.string() : name;
  }
  return names;
}

void prepend_system_prompt(const std::string& system_prompt, Json& messages) {
  if (system_prompt.empty() || messages.at(0)["role"] == "system") return;
  messages.insert(messages.begin(), Json{{"role", "system"}, {"content", system_prompt}});
}

// Reads one file. A prompt's id is its row's own, or empty; `places` gets "name:line" of each
// prompt.
void append_prompts(const fs::path& file,
                    const std::string& name,
                    const PromptOptions& options,
                    PromptSet& set,
                    std::vector<std::string>& places) {
  int64_t rows = 0;
  for_each_row(file, known_columns(options.field), [&](const Json& row, int64_t line) {
    ++rows;
    const std::string where = file.string() + ":" + std::to_string(line);
    std::optional<Json> messages = first_turn(row, options.field, where);
    if (!messages) {
      ++set.blank;
      return;
    }
    prepend_system_prompt(options.system_prompt, *messages);
    set.prompts.push_back({own_id(row), std::move(*messages), is_redacted(row), where});
    places.push_back(name + ":" + std::to_string(line));
  });
  if (rows == 0) user_error("prompt file ", file, " is empty; expected one prompt per row");
}

// Rows without an id, and all that share one, are called after their place instead.
void make_ids_unique(const std::vector<std::string>& places, std::vector<Prompt>& prompts) {
  std::unordered_map<std::string, int> uses;
  for (const Prompt& prompt : prompts) ++uses[prompt.id];
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].id.empty() || uses[prompts[i].id] > 1) prompts[i].id = places[i];
  }
}

int64_t parse_number(std::string_view text, const std::string& whole) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    user_error("--shard ",
               whole,
               " is not a part of a whole; expected for example 0/4 for the first of four");
  }
  return number;
}

}  // namespace

void PromptOptions::validate() const {
  if (files.empty()) user_error("--prompts is missing; expected prompt files or folders of them");
}

PromptSet read_prompts(const PromptOptions& options) {
  options.validate();
  const std::vector<fs::path> files = expand_folders(options.files);
  const std::map<fs::path, std::string> names = id_names(files);

  PromptSet set;
  std::vector<std::string> places;
  for (const fs::path& file : files) append_prompts(file, names.at(file), options, set, places);
  if (set.prompts.empty())
    user_error("none of the ", set.blank, " rows of --prompts holds a prompt with text");
  make_ids_unique(places, set.prompts);
  return set;
}

std::string hash_prompt_files(const PromptOptions& options) {
  std::string hashes;
  for (const fs::path& file : expand_folders(options.files)) {
    hashes += sha256_file(file) + " " + file.string() + "\n";
  }
  return sha256(hashes);
}

void Selection::validate() const {
  if (skip < 0) user_error("--skip is ", skip, ", expected 0 or more");
  if (limit < 0) user_error("--limit is ", limit, ", expected 1 or more, or 0 for all");
  if (num_shards < 1 || shard < 0 || shard >= num_shards) {
    user_error(
        "--shard ", shard, "/", num_shards, " does not exist; the parts of n are 0/n to (n-1)/n");
  }
}

void parse_shard(const std::string& text, Selection& selection) {
  const size_t slash = std::min(text.find('/'), text.size());
  selection.shard = parse_number(std::string_view(text).substr(0, slash), text);
  selection.num_shards =
      parse_number(std::string_view(text).substr(std::min(slash + 1, text.size())), text);
  selection.validate();
}

std::vector<Prompt> select_prompts(std::vector<Prompt> prompts, const Selection& selection) {
  selection.validate();
  const int64_t size = static_cast<int64_t>(prompts.size());
  if (selection.skip >= size)
    user_error("--skip ", selection.skip, " leaves none of ", size, " prompts");
  const int64_t rest = size - selection.skip;
  const int64_t end =
      selection.skip + (selection.limit == 0 ? rest : std::min(rest, selection.limit));

  std::vector<Prompt> selected;
  for (int64_t i = selection.skip + selection.shard; i < end; i += selection.num_shards) {
    selected.push_back(std::move(prompts[static_cast<size_t>(i)]));
  }
  return selected;
}

}  // namespace retmask::synthesize
