#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "common.h"
#include "earlier_options.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::cli {
namespace {

// A program with one command that has a flag of each kind.
class Program {
 public:
  Program() {
    root_.option_defaults()->always_capture_default();
    command_ = add_command(root_, "detect", "Find heads", "--model m --out o");
    command_.app->add_option("--model", model_, "Checkpoint folder");
    command_.app->add_option("--threshold", threshold_, "Lowest score");
    command_.app->add_option("--learning-rate", rate_, "Rate");
    add_list_option(command_, "--lengths", lengths_, "Context lengths");
    add_list_option(command_, "--heads", heads_, "Heads");
    command_.app->add_flag("--no-shuffle", no_shuffle_, "Keep the order");
    command_.required = {"--model"};
  }

  Invocation parse(const std::string& arguments) {
    root_.parse("detect " + arguments);
    return resolve(command_, root_);
  }

  // The flag values of parse(), with those of an earlier run for flags that were not given.
  Json parse_after(const std::string& arguments,
                   const Json& earlier,
                   const std::vector<std::string>& free = {}) {
    return with_earlier_options(
        parse(arguments), earlier, {"out"}, free, {{"model", "model"}}, "run.json");
  }

  // The flag values after set_options().
  Json set(const Json& options) {
    set_options(*command_.app, options);
    return resolved_options(*command_.app);
  }

 private:
  CLI::App root_;
  Command command_;
  std::string model_;
  std::optional<double> threshold_;
  double rate_ = 5e-7;
  std::vector<int64_t> lengths_ = {512, 1024};
  std::vector<std::string> heads_;
  bool no_shuffle_ = false;
};

Invocation parse(const std::string& arguments) { return Program().parse(arguments); }

void expect_error(const std::string& arguments, std::initializer_list<std::string> parts) {
  expect_user_error([&] { parse(arguments); }, parts);
}

TEST(Resolve, ListsEveryFlagWithItsTypedValue) {
  const Invocation invocation =
      parse("--out o --model m --threads 3 --threshold .1 --heads 18-6,17-3 --no-shuffle");
  EXPECT_EQ(invocation.command, "detect");
  EXPECT_EQ(invocation.common.out, "o");
  const Json expected = {{"out", "o"},
                         {"device", "auto"},
                         {"dtype", "auto"},
                         {"seed", 0},
                         {"threads", 3},
                         {"quiet", false},
                         {"model", "m"},
                         {"threshold", 0.1},
                         {"learning-rate", 5e-7},
                         {"lengths", {512, 1024}},
                         {"heads", {"18-6", "17-3"}},
                         {"no-shuffle", true}};
  EXPECT_EQ(invocation.options, expected);
}

TEST(Resolve, UnsetValuesAreNullOrEmpty) {
  const Invocation invocation = parse("--out o --model m");
  EXPECT_TRUE(invocation.options["threshold"].is_null());
  EXPECT_EQ(invocation.options["heads"], Json::array());
}

TEST(Resolve, RequiredFlagsMayComeFromTheConfigFile) {
  const testing::TempDir folder;
  const std::string file = (folder / "run.toml").string();
  std::ofstream(file) << "model = \"m\"\nout = \"o\"\n";
  const Invocation invocation = parse("--config " + file);
  EXPECT_EQ(invocation.options["model"], "m");
  EXPECT_EQ(invocation.common.out, "o");
}

TEST(Resolve, MissingRequiredFlagsAreErrors) {
  expect_error("--out o", {"--model is required", "Checkpoint folder"});
  expect_error("--model m", {"--out is required"});
}

TEST(Resolve, UnknownFlagsNameTheNearest) {
  expect_error("--out o --model m --lenghts=3",
               {"unknown flag --lenghts for detect", "did you mean --lengths?"});
  expect_error("--out o --model m --temperature 3",
               {"unknown flag --temperature", "retmask detect --help"});
  expect_error("stray --out o --model m", {"unexpected argument \"stray\""});
}

TEST(Resolve, CommonFlagsAreChecked) {
  expect_error("--out o --model m --device gpu", {"--device is \"gpu\"", "cpu, cuda, auto"});
  expect_error("--out o --model m --dtype half", {"--dtype is \"half\"", "bfloat16"});
  expect_error("--out o --model m --threads 0", {"--threads is 0"});
  expect_error("--out o --model m --seed=-1", {"--seed is -1", "at least 0"});
}

TEST(Resolve, StartedRunIgnoresWhereItRuns) {
  const testing::TempDir folder;
  const std::string out = (folder / "o").string();
  const auto start = [&](const std::string& arguments) {
    const Invocation invocation = parse("--model m --out " + out + arguments);
    const OutputLock lock = invocation.claim_out({});
    invocation.start_run({.ignored = {"no-shuffle"}}).finish();
  };
  start("");
  std::ofstream(out + "/result.json") << "{}";
  start(" --threads 1 --quiet --device cpu --no-shuffle");
  expect_user_error([&] { start(" --seed 1"); }, {"seed 0 -> 1"});
}

TEST(ClaimOut, StaysAwayFromModels) {
  namespace fs = std::filesystem;
  const testing::TempDir folder;
  const fs::path model = folder / "runs/model";
  fs::create_directories(model / "sub");
  fs::create_directory_symlink(model, folder / "link");
  fs::create_directory_symlink(folder / "runs", folder / "runs-link");
  const auto claim = [&](const std::string& out, const fs::path& of) {
    parse("--model m --out " + (folder / out).string()).claim_out({fs::path(), of});
  };
  for (const char* own : {"runs/model", "runs/model/", "link", "runs-link/model", "link/sub/.."}) {
    expect_user_error([&] { claim(own, model); }, {"--out", "the model's own folder", "another"});
  }
  for (const char* inside :
       {"runs/model/out", "runs/model/sub/a/b", "link/new", "runs/model/sub"}) {
    expect_user_error([&] { claim(inside, folder / "link"); }, {"lies inside of the model's"});
  }
  for (const char* around : {"runs", "runs/", "runs-link", "."}) {
    expect_user_error([&] { claim(around, model); }, {"holds the model's folder"});
  }
  EXPECT_FALSE(fs::exists(model / "out"));
  EXPECT_EQ(std::distance(fs::directory_iterator(model), fs::directory_iterator()), 1)
      << "something was written into the model's folder";
  EXPECT_NO_THROW(claim("runs/model-out", model));
  EXPECT_NO_THROW(claim("runs/out", model));
  EXPECT_NO_THROW(claim("out", folder / "none"));
}

TEST(EarlierOptions, TakeAnotherSpellingOfAPlace) {
  const Json earlier = Program().parse("--out o --model m").options;
  EXPECT_EQ(Program().parse_after("--out o --model ./m/", earlier)["model"], "./m/");
  expect_user_error([&] { Program().parse_after("--out o --model n", earlier); }, {"--model"});
}

TEST(EarlierOptions, FillWhatWasNotSet) {
  const Json all = Program()
                       .parse(
                           "--out o --model m --threshold .1 --seed 7 --heads 18-6 "
                           "--lengths 256 --no-shuffle")
                       .options;
  Json expected = all;
  expected["out"] = "p";
  EXPECT_EQ(Program().parse_after("--out p --model m", all), expected);
  EXPECT_EQ(Program().parse_after("--out p --model m --seed 7 --no-shuffle", all), expected);
  const Json defaults = Program().parse("--out o --model m").options;
  EXPECT_EQ(Program().parse_after("--out o --model m", defaults), defaults);
}

TEST(EarlierOptions, OthersAreRefusedButForTheFreeOnes) {
  const Json earlier = Program().parse("--out o --model m --threshold .1").options;
  expect_user_error([&] { Program().parse_after("--out o --model m --threshold .2", earlier); },
                    {"--threshold is 0.2", "run.json was made with 0.1"});
  const Json now =
      Program().parse_after("--out o --model m --threshold .2", earlier, {"threshold"});
  EXPECT_EQ(now["threshold"], 0.2);
}

TEST(EarlierOptions, AConfigFileGivesFlagsToo) {
  const testing::TempDir folder;
  const std::string file = (folder / "run.toml").string();
  std::ofstream(file) << "threshold = 0.2\n";
  const Json earlier = Program().parse("--out o --model m --threshold .1").options;
  const std::string arguments = "--out o --model m --config " + file;
  expect_user_error([&] { Program().parse_after(arguments, earlier); }, {"--threshold is 0.2"});
  EXPECT_EQ(Program().parse_after(arguments, earlier, {"threshold"})["threshold"], 0.2);
}

TEST(SetOptions, GivesBackWhatWasResolved) {
  for (const char* arguments :
       {"--out o --model m",
        "--out o --model m --threshold .1 --learning-rate 1e-6 --seed 18446744073709551615 "
        "--threads 3 --heads 18-6,17-3 --lengths 256 --no-shuffle --quiet"}) {
    const Json options = Program().parse(arguments).options;
    EXPECT_EQ(Program().set(options), options);
  }
}

}  // namespace
}  // namespace retmask::cli
