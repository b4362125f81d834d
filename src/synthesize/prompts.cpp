#include "retmask/synthesize/prompts.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "prompt_rows.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/random.h"
#include "retmask/base/stop_signals.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// File names used in ids: the base name, or the canonical path if two files share the base name.
// Independent of how the paths are spelled.
std::map<fs::path, std::string> id_names(const std::vector<fs::path>& files) {
  std::map<std::string, int> uses;
  for (const fs::path& file : files) ++uses[file.filename().string()];
  std::map<fs::path, std::string> names;
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    names[file] = uses[name] > 1 ? fs::canonical(file).string() : name;
  }
  return names;
}

void prepend_system_prompt(const std::string& system_prompt, Json& messages) {
  if (system_prompt.empty() || messages.at(0)["role"] == "system") return;
  messages.insert(messages.begin(), Json{{"role", "system"}, {"content", system_prompt}});
}

// Reads prompt files one by one.
class PromptReader {
 public:
  explicit PromptReader(const PromptOptions& options)
      : options_(options), filter_(options.filters) {}

  // `name` is the file's name in ids.
  void read(const fs::path& file, const std::string& name) {
    const int64_t before = set_.rows;
    int64_t& last_line = last_lines_[name];
    for_each_prompt_row(
        file,
        known_columns(options_),
        [&](const Json& row, int64_t line, const std::string& where) {
          stop_point();
          ++set_.rows;
          last_line = line;
          add(read_record(row, options_, where), where, name + ":" + std::to_string(line));
        });
    if (set_.rows == before)
      user_error("prompt file ", file, " is empty; expected one prompt per row");
  }

  PromptSet finish() {
    filter_.check_fields(set_.rows);
    name_prompts();
    if (options_.filters.deduplicate) leave_out_duplicates();
    if (set_.prompts.empty()) user_error("no prompt is left in --prompts: ", set_.describe());
    return std::move(set_);
  }

 private:
  void add(PromptRecord record, std::string where, std::string place) {
    // Skipped rows count too, so that ids do not depend on the filters.
    ++uses_[record.id];
    if (const std::optional<SkipReason> reason = filter_.look_at(record)) {
      ++set_.left_out[*reason];
      return;
    }
    prepend_system_prompt(options_.system_prompt, *record.messages);
    set_.prompts.push_back({.id = std::move(record.id),
                            .messages = std::move(*record.messages),
                            .template_variables = std::move(record.template_variables),
                            .redacted = record.redacted.value_or(false),
                            .where = std::move(where)});
    places_.push_back(std::move(place));
  }

  // Replaces missing, duplicate and location-like ids with the row's location.
  void name_prompts() {
    for (size_t i = 0; i < places_.size(); ++i) {
      std::string& id = set_.prompts[i].id;
      if (id.empty() || uses_.at(id) > 1 || is_place(id)) id = places_[i];
    }
  }

  bool is_place(const std::string& id) const {
    const size_t colon = id.rfind(':');
    if (colon == std::string::npos) return false;
    const auto file = last_lines_.find(id.substr(0, colon));
    if (file == last_lines_.end()) return false;
    const char* end = id.data() + id.size();
    int64_t line = 0;
    const auto [read, error] = std::from_chars(id.data() + colon + 1, end, line);
    return error == std::errc{} && read == end && line >= 1 && line <= file->second;
  }

  void leave_out_duplicates() {
    std::unordered_set<std::string> seen;
    set_.leave_out(SkipReason::duplicate, [&](size_t i) {
      const Prompt& prompt = set_.prompts[i];
      std::string text = prompt.messages.dump();
      if (!prompt.template_variables.empty()) text += prompt.template_variables.dump();
      return !seen.insert(sha256(text)).second;
    });
  }

  const PromptOptions& options_;
  RecordFilter filter_;
  PromptSet set_;
  std::vector<std::string> places_;                // "name:line" of each prompt
  std::map<std::string, int64_t> last_lines_;      // of each file, by name
  std::unordered_map<std::string, int64_t> uses_;  // of each id in the rows
};

// Each prompt draws a random number; those with the lowest numbers are the sample.
std::vector<bool> draw_sample(const std::vector<Prompt>& prompts, int64_t sample, uint64_t seed) {
  std::vector<std::pair<uint64_t, size_t>> draws;
  for (size_t i = 0; i < prompts.size(); ++i) {
    draws.emplace_back(RandomStream(seed, "sample/" + prompts[i].id).next(), i);
  }
  const auto end = draws.begin() + std::min(sample, static_cast<int64_t>(draws.size()));
  std::nth_element(draws.begin(), end, draws.end());
  std::vector<bool> drawn(prompts.size(), false);
  for (auto draw = draws.begin(); draw != end; ++draw) drawn[draw->second] = true;
  return drawn;
}

}  // namespace

void PromptSet::leave_out(SkipReason reason, const std::function<bool(size_t)>& leaves) {
  size_t kept = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (leaves(i)) continue;
    if (kept != i) prompts[kept] = std::move(prompts[i]);
    ++kept;
  }
  if (kept < prompts.size()) left_out[reason] += static_cast<int64_t>(prompts.size() - kept);
  prompts.resize(kept);
}

std::string PromptSet::describe() const {
  std::string reasons;
  for (const auto& [reason, count] : left_out) {
    reasons += (reasons.empty() ? "" : ", ") + std::to_string(count) + " " + to_string(reason);
  }
  return std::to_string(prompts.size()) + " of " + std::to_string(rows) + " prompts" +
         (reasons.empty() ? "" : " (left out: " + reasons + ")");
}

PromptSet read_prompts(const PromptOptions& options) {
  options.validate();
  const std::vector<fs::path> files = expand_folders(options.files);
  const std::map<fs::path, std::string> names = id_names(files);
  PromptReader reader(options);
  for (const fs::path& file : files) reader.read(file, names.at(file));
  return reader.finish();
}

void select_prompts(const Selection& selection, PromptSet& set) {
  selection.validate();
  if (selection.sample > 0) {
    const std::vector<bool> drawn = draw_sample(set.prompts, selection.sample, selection.seed);
    set.leave_out(SkipReason::not_sampled, [&](size_t i) { return !drawn[i]; });
  }
  if (selection.skip >= static_cast<int64_t>(set.prompts.size())) {
    user_error("--skip ", selection.skip, " leaves none of ", set.prompts.size(), " prompts");
  }
  const auto skip = static_cast<size_t>(selection.skip);
  set.leave_out(SkipReason::skipped, [&](size_t i) { return i < skip; });
  const auto limit = static_cast<size_t>(selection.limit);
  set.leave_out(SkipReason::beyond_limit, [&](size_t i) { return limit > 0 && i >= limit; });
  const auto shards = static_cast<size_t>(selection.num_shards);
  const auto shard = static_cast<size_t>(selection.shard);
  set.leave_out(SkipReason::other_shard, [&](size_t i) { return i % shards != shard; });
}

std::string hash_prompt_files(const PromptOptions& options) {
  const std::vector<fs::path> files = expand_folders(options.files);
  const std::map<fs::path, std::string> names = id_names(files);
  std::string hashes;
  for (const fs::path& file : files) hashes += sha256_file(file) + " " + names.at(file) + "\n";
  return sha256(hashes);
}

std::string older_hash_of_prompt_files(const PromptOptions& options) {
  std::string hashes;
  for (const fs::path& file : expand_folders(options.files)) {
    hashes += sha256_file(file) + " " + file.string() + "\n";
  }
  return sha256(hashes);
}

PromptEncoder::PromptEncoder(const std::filesystem::path& dir,
                             Json template_variables,
                             std::optional<Moment> moment,
                             int64_t model_vocab_size)
    : tokenizer_(Tokenizer::load(dir)),
      template_(ChatTemplate::load(dir)),
      render_{.add_generation_prompt = true,
              .variables = std::move(template_variables),
              .moment = moment},
      model_vocab_size_(model_vocab_size) {}

std::vector<int64_t> PromptEncoder::encode(const Prompt& prompt) const {
  return at_place(prompt.where, [&] {
    RenderOptions render = render_;
    for (const auto& [name, value] : prompt.template_variables.items()) {
      if (!render.variables.contains(name)) render.variables[name] = value;
    }
    // The template writes the BOS token itself.
    std::vector<int64_t> tokens = tokenizer_->encode(template_->render(prompt.messages, render),
                                                     /*add_special_tokens=*/false);
    for (const int64_t id : tokens) {
      if (id < model_vocab_size_) continue;
      user_error("token id ",
                 id,
                 " is outside of the model's vocabulary of ",
                 model_vocab_size_,
                 "; do the tokenizer and the model belong together?");
    }
    return tokens;
  });
}

void leave_out_by_tokens(const PromptFilters& filters,
                         const PromptEncoder& encoder,
                         PromptSet& set) {
  set.leave_out(SkipReason::tokens, [&](size_t i) {
    const auto tokens = static_cast<int64_t>(encoder.encode(set.prompts[i]).size());
    return tokens < filters.min_tokens || (filters.max_tokens > 0 && tokens > filters.max_tokens);
  });
}

}  // namespace retmask::synthesize
