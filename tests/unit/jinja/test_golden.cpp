// Compares every template of tests/golden/jinja (made by make_jinja_golden.py) with jinja2's
// output.

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/jinja/template.h"
#include "unit/support/golden_files.h"

namespace retmask::jinja {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(testing::golden_dir() / "jinja")) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Options at_moment(const std::string& iso) {
  std::tm local{};
  std::istringstream(iso) >> std::get_time(&local, "%Y-%m-%dT%H:%M:%S");
  local.tm_isdst = -1;
  Options options;
  options.now = std::chrono::system_clock::from_time_t(std::mktime(&local));
  return options;
}

// Renders and compares; collects the differences.
class Comparison {
 public:
  explicit Comparison(const Json& file)
      : variables_(file.at("variables")), options_(at_moment(file.at("now"))) {}

  // `expected`: a text, null if jinja2 raises, false if its output is undefined.
  void check(const std::string& source, const Json& expected) {
    if (expected.is_boolean()) return;
    ++checked_;
    std::string got;
    try {
      const std::string output = Template::parse(source, "t").render(variables_, options_);
      if (expected.is_string() && expected.get_ref<const std::string&>() == output) return;
      got = dump_json_line(output);
    } catch (const UserError& error) {
      if (expected.is_null()) return;
      got = std::string("error: ") + error.what();
    } catch (const std::exception& error) {
      got = std::string("not a UserError: ") + error.what();
    }
    if (++different_ > shown_) return;
    report_ << "template: " << dump_json_line(source)
            << "\n  jinja2: " << (expected.is_null() ? "raises" : dump_json_line(expected))
            << "\n  ours:   " << got << "\n";
  }

  void check_message(const std::string& source, const std::string& message) {
    ++checked_;
    try {
      Template::parse(source, "t").render(variables_, options_);
      ADD_FAILURE() << source << " does not raise";
    } catch (const RaisedByTemplate& error) {
      EXPECT_EQ(error.reason(), message) << source;
    }
  }

  int checked() const { return checked_; }
  int different() const { return different_; }
  std::string report() const { return report_.str(); }

 private:
  Json variables_;
  Options options_;
  int checked_ = 0;
  int different_ = 0;
  // RETMASK_JINJA_SHOW shows more than the first difference.
  int shown_ =
      std::getenv("RETMASK_JINJA_SHOW") ? std::atoi(std::getenv("RETMASK_JINJA_SHOW")) : 20;
  std::ostringstream report_;
};

class JinjaGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(JinjaGolden, EqualsJinja2) {
  const Json file = testing::golden_json("jinja/" + GetParam() + ".json");
  Comparison comparison(file);
  for (const Json& grid : file.at("grids")) {
    const Json& values = grid.at("values");
    for (const Json& row : grid.at("rows")) {
      const std::string expression = row.at(0);
      ASSERT_EQ(row.at(1).size(), values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        comparison.check(
            "{% set v = " + values[i].get<std::string>() + " %}{{ " + expression + " }}",
            row[1][i]);
      }
    }
  }
  for (const Json& row : file.at("templates")) comparison.check(row.at(0), row.at(1));
  for (const Json& row : file.at("raised")) comparison.check_message(row.at(0), row.at(1));
  EXPECT_GT(comparison.checked(), 0);
  EXPECT_EQ(comparison.different(), 0) << "of " << comparison.checked() << ":\n"
                                       << comparison.report();
}

INSTANTIATE_TEST_SUITE_P(Files,
                         JinjaGolden,
                         ::testing::ValuesIn(golden_names()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace retmask::jinja
