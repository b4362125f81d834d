#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "config_file.h"
#include "harnesses.h"
#include "scratch_file.h"

namespace retmask::fuzz {

// Reads --config for a command with a flag of each kind.
void read_toml(std::string_view bytes) {
  static const ScratchFile scratch("run.toml");
  std::vector<int64_t> lengths;
  int64_t depths = 10;
  uint64_t seed = 0;
  std::filesystem::path model;
  std::optional<double> threshold;
  bool quiet = false;
  CLI::App root;
  root.option_defaults()->always_capture_default();
  CLI::App* detect = root.add_subcommand("detect");
  detect->add_option("--lengths", lengths)->delimiter(',');
  detect->add_option("--depths", depths);
  detect->add_option("--model", model);
  detect->add_option("--threshold", threshold);
  detect->add_option("--seed", seed);
  detect->add_flag("--quiet", quiet);
  root.add_subcommand("mask")->add_option("--top-k", depths);
  root.parse("detect");
  cli::apply_config_file(*detect, root, scratch.holding(bytes));
}

}  // namespace retmask::fuzz
