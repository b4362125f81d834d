#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "config_file.h"
#include "number_options.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::cli {
namespace {

// A program with two commands and a flag of each kind.
class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile() {
    root_.option_defaults()->always_capture_default();
    detect_ = root_.add_subcommand("detect");
    detect_->add_option("--lengths", lengths_)->delimiter(',');
    detect_->add_option("--depths", depths_);
    take_short_counts(detect_->add_option("--max-length", max_length_));
    detect_->add_option("--model", model_);
    detect_->add_option("--threshold", threshold_);
    detect_->add_option("--seed", seed_);
    detect_->add_flag("--quiet", quiet_);
    detect_->add_option("--config", config_)->configurable(false);
    CLI::App* mask = root_.add_subcommand("mask");
    mask->add_option("--top-k", depths_);
  }

  void parse(const std::string& arguments, const std::string& toml) {
    root_.parse(arguments);
    std::ofstream(file_) << toml;
    apply_config_file(*detect_, root_, file_, {{.sets = {{"lengths"}, {"max-length"}}}});
  }

  void expect_error(const std::string& toml, std::initializer_list<std::string> parts) {
    expect_user_error([&] { parse("detect", toml); }, parts);
  }

  testing::TempDir folder_;
  std::filesystem::path file_ = folder_ / "run.toml";
  CLI::App root_;
  CLI::App* detect_ = nullptr;
  std::vector<int64_t> lengths_ = {100, 200, 300};
  int64_t depths_ = 10;
  int64_t max_length_ = 9;
  std::filesystem::path model_;
  std::optional<double> threshold_;
  uint64_t seed_ = 0;
  bool quiet_ = false;
  std::filesystem::path config_;
};

TEST_F(ConfigFile, GivesValuesOfEachKind) {
  parse("detect",
        "lengths = [512, 1024]\ndepths = 5\nmodel = \"a b\"\nquiet = true\n[detect]\nthreshold = "
        "0.1\n");
  EXPECT_EQ(lengths_, (std::vector<int64_t>{512, 1024}));
  EXPECT_EQ(depths_, 5);
  EXPECT_EQ(model_, "a b");
  EXPECT_TRUE(quiet_);
  EXPECT_EQ(threshold_, 0.1);
}

TEST_F(ConfigFile, CommandLineWins) {
  parse("detect --depths 3 --lengths 64,128 --quiet=false",
        "depths = 5\nlengths = [512]\nquiet = true");
  EXPECT_EQ(depths_, 3);
  EXPECT_EQ(lengths_, (std::vector<int64_t>{64, 128}));
  EXPECT_FALSE(quiet_);
}

TEST_F(ConfigFile, OwnSectionWinsAndOthersAreNotApplied) {
  parse("detect", "depths = 5\n[mask]\ntop-k = 20\n[detect]\ndepths = 7\n");
  EXPECT_EQ(depths_, 7);
}

TEST_F(ConfigFile, CommandLineOverridesAlternatives) {
  parse("detect --max-length 64", "lengths = [512]\ndepths = 5");
  EXPECT_EQ(lengths_, (std::vector<int64_t>{100, 200, 300}));
  EXPECT_EQ(detect_->get_option("--lengths")->count(), 0u);
  EXPECT_EQ(depths_, 5);
}

TEST_F(ConfigFile, OwnSectionOverridesAlternatives) {
  parse("detect", "lengths = [512]\n[detect]\nmax-length = 64\n");
  EXPECT_EQ(max_length_, 64);
  EXPECT_EQ(detect_->get_option("--lengths")->count(), 0u);
}

TEST_F(ConfigFile, OverriddenAlternativesMustBeRightAllTheSame) {
  EXPECT_NO_THROW(parse("detect", "lengths = [512]\nmax-length = 64")) << "validate() judges it";
  expect_user_error([&] { parse("detect --max-length 64", "lengths = true"); }, {"lengths"});
}

TEST_F(ConfigFile, CountsMayBeShort) {
  parse("detect", "max-length = \"2k\"\n");
  EXPECT_EQ(max_length_, 2048);
  expect_error("max-length = \"2q\"",
               {"\"max-length\" is \"2q\", expected a whole number such as"});
  expect_error("depths = \"2k\"", {"\"depths\" takes a number"});
}

TEST_F(ConfigFile, NamesOfOtherToolsAreKnown) {
  expect_error("max_len = 5", {"did you mean max-length?"});
  expect_error("[train]\nlr = 1", {"[train]"});
}

TEST_F(ConfigFile, UnknownKeysNameFileLineAndNearest) {
  expect_error("\nlenghts = [512]",
               {"run.toml:2: ", "\"lenghts\"", "detect", "did you mean lengths?"});
  expect_error("[mask]\ntopk = 1", {"run.toml:2: ", "\"topk\"", "mask", "did you mean top-k?"});
  expect_error("[detct]\ndepths = 1", {"run.toml:2: ", "[detct]", "did you mean detect?"});
  expect_error("config = \"x\"", {"unknown key \"config\""});
  expect_error("help = true", {"unknown key \"help\""});
}

TEST_F(ConfigFile, WrongTypesAreErrors) {
  expect_error("depths = \"5\"", {"run.toml:1: ", "\"depths\" takes a number"});
  expect_error("depths = 5.5", {"run.toml:1: \"depths\" is \"5.5\", expected a whole number"});
  expect_error("depths = [5]", {"\"depths\" takes one value"});
  expect_error("depths = true", {"\"depths\" does not take true or false"});
  expect_error("quiet = 1", {"\"quiet\" takes true or false"});
  expect_error("quiet = [true]", {"\"quiet\" takes one value"});
}

TEST_F(ConfigFile, MissingFileIsAnError) {
  expect_user_error([&] { apply_config_file(*detect_, root_, folder_ / "none.toml"); },
                    {"config file", "none.toml", "does not exist"});
}

}  // namespace
}  // namespace retmask::cli
