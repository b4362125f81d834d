#include "retmask/base/part.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/slurm.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

std::optional<int64_t> to_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int64_t> variable(const Environment& environment, const char* name) {
  const char* text = environment(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const std::optional<int64_t> number = to_number(text);
  if (!number) user_error(name, " is \"", text, "\", expected a number; give --shard i/n");
  return number;
}

Part array_part(const Environment& environment) {
  const auto id = variable(environment, "SLURM_ARRAY_TASK_ID");
  const auto count = variable(environment, "SLURM_ARRAY_TASK_COUNT");
  if (!id || !count) return {};
  const int64_t least = variable(environment, "SLURM_ARRAY_TASK_MIN").value_or(0);
  const int64_t step = variable(environment, "SLURM_ARRAY_TASK_STEP").value_or(1);
  const int64_t most =
      variable(environment, "SLURM_ARRAY_TASK_MAX").value_or(least + (*count - 1) * step);
  const bool even = step > 0 && least + (*count - 1) * step == most && (*id - least) % step == 0;
  if (!even || *id < least || *id > most) {
    user_error("the SLURM array of ",
               *count,
               " tasks from ",
               least,
               " to ",
               most,
               " has gaps, so its parts cannot be numbered; give --shard i/n");
  }
  return {.shard = (*id - least) / step, .num_shards = *count};
}

Part step_part(const Environment& environment) {
  const auto count = slurm_task_count([&](const std::string& name) -> std::optional<std::string> {
    const char* value = environment(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  });
  if (!count) return {};
  const int64_t tasks = variable(environment, count->c_str()).value();
  const int64_t process = variable(environment, "SLURM_PROCID").value();
  if (process < 0 || process >= tasks) {
    user_error(
        "SLURM_PROCID is ", process, " of ", tasks, " tasks (", *count, "); give --shard i/n");
  }
  return {.shard = process, .num_shards = tasks};
}

std::optional<Part> parse_dir_name(std::string_view name) {
  constexpr std::string_view kStart = "shard-";
  constexpr std::string_view kMiddle = "-of-";
  const size_t middle = name.find(kMiddle);
  if (!name.starts_with(kStart) || middle == std::string_view::npos) return std::nullopt;
  const auto shard = to_number(name.substr(kStart.size(), middle - kStart.size()));
  const auto count = to_number(name.substr(middle + kMiddle.size()));
  if (!shard || !count) return std::nullopt;
  return Part{.shard = *shard, .num_shards = *count};
}

// Part folders in `out`, by (number of parts, part).
std::map<std::pair<int64_t, int64_t>, fs::path> part_dirs(const fs::path& out) {
  std::map<std::pair<int64_t, int64_t>, fs::path> dirs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(out, error)) {
    const auto part = parse_dir_name(entry.path().filename().string());
    if (part) dirs[{part->num_shards, part->shard}] = entry.path();
  }
  return dirs;
}

}  // namespace

std::string Part::name() const { return std::to_string(shard) + "/" + std::to_string(num_shards); }

std::string Part::dir_name() const {
  return "shard-" + std::to_string(shard) + "-of-" + std::to_string(num_shards);
}

void Part::validate() const {
  if (num_shards >= 1 && shard >= 0 && shard < num_shards) return;
  user_error("--shard ", name(), " does not exist; the parts of n are 0/n to (n-1)/n");
}

Part parse_part(const std::string& text) {
  const std::string_view whole = text;
  const size_t slash = std::min(whole.find('/'), whole.size());
  const auto shard = to_number(whole.substr(0, slash));
  const auto count = to_number(whole.substr(std::min(slash + 1, whole.size())));
  if (!shard || !count) {
    user_error("--shard ", text, ": expected i/n, such as 0/4 for the first of four parts");
  }
  const Part part{.shard = *shard, .num_shards = *count};
  part.validate();
  return part;
}

std::vector<std::vector<size_t>> cut_into_pieces(const std::vector<size_t>& order,
                                                 const std::vector<size_t>& weights,
                                                 size_t count) {
  const size_t total = std::accumulate(weights.begin(), weights.end(), size_t{0});
  std::vector<std::vector<size_t>> pieces(count);
  size_t before = 0;
  for (const size_t item : order) {
    // The piece in which the middle of the item lies; everything twice, for whole numbers.
    pieces[(2 * before + weights[item]) * count / (2 * total)].push_back(item);
    before += weights[item];
  }
  for (auto& piece : pieces) std::ranges::sort(piece);
  return pieces;
}

std::optional<Part> part_from_slurm(const Environment& environment) {
  const Part array = array_part(environment);
  const Part step = step_part(environment);
  const Part part{.shard = array.shard * step.num_shards + step.shard,
                  .num_shards = array.num_shards * step.num_shards};
  if (part.is_whole()) return std::nullopt;
  return part;
}

fs::path part_dir(const fs::path& out, const Part& part, const std::string& journal) {
  const auto dirs = part_dirs(out);
  for (const auto& [numbers, dir] : dirs) {
    if (numbers.first == part.num_shards) continue;
    user_error(out,
               " holds parts of ",
               numbers.first,
               " workers, and this is part ",
               part.name(),
               "; give --shard i/",
               numbers.first,
               ", --merge them, or give another --out");
  }
  if (part.is_whole()) return out;
  if (dirs.empty() && fs::exists(out / journal)) {
    user_error(out,
               " holds a run of a single worker, and this is part ",
               part.name(),
               "; give another --out");
  }
  return out / part.dir_name();
}

std::vector<fs::path> find_parts(const fs::path& out) {
  const auto dirs = part_dirs(out);
  if (dirs.empty()) {
    user_error(
        "--merge: ", out, " holds no parts (shard-0-of-4 and so on); give the workers' --out");
  }
  const int64_t count = dirs.begin()->first.first;
  if (dirs.rbegin()->first.first != count) {
    user_error("--merge: ",
               out,
               " holds parts of ",
               count,
               " and of ",
               dirs.rbegin()->first.first,
               " workers; remove one set");
  }
  std::vector<fs::path> parts;
  for (int64_t shard = 0; shard < count; ++shard) {
    const Part part{.shard = shard, .num_shards = count};
    const auto found = dirs.find({count, shard});
    if (found == dirs.end() || !fs::exists(found->second / "run.json")) {
      user_error("--merge: part ",
                 part.name(),
                 " is missing: no ",
                 out / part.dir_name() / "run.json",
                 "; run the workers' command with --shard ",
                 part.name());
    }
    parts.push_back(found->second);
  }
  return parts;
}

}  // namespace retmask
