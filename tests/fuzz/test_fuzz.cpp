// Runs the corpus and several thousand mutated copies through every harness. Findings of the
// fuzzers are added to the corpus, so that every build checks them.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "harnesses.h"
#include "mutate.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"

namespace retmask::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> corpus_of(const Harness& harness) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(RETMASK_FUZZ_CORPUS) / harness.name))
    files.push_back(entry.path());
  std::ranges::sort(files);
  std::vector<std::string> inputs;
  for (const fs::path& file : files) inputs.push_back(read_text_file(file, "input"));
  return inputs;
}

class Fuzz : public ::testing::TestWithParam<Harness> {
 protected:
  Fuzz() { log::set_quiet(true); }
  ~Fuzz() override { log::set_quiet(false); }
};

// A failing input is kept in the folder for temporary files.
void run_and_report(const Harness& harness, const std::string& input, const std::string& which) {
  try {
    run(harness, input);
  } catch (const std::exception& error) {
    const fs::path kept = fs::temp_directory_path() / ("retmask-fuzz-" + std::string(harness.name));
    write_file_atomic(kept, input);
    ADD_FAILURE() << which << " threw " << error.what() << "; it is in " << kept;
  }
}

TEST_P(Fuzz, AnyInputIsReadOrRefused) {
  constexpr int kMutations = 2000;
  const Harness& harness = GetParam();
  const std::vector<std::string> corpus = corpus_of(harness);
  ASSERT_GE(corpus.size(), 3U);
  for (size_t i = 0; i < corpus.size(); ++i)
    run_and_report(harness, corpus[i], "input " + std::to_string(i));
  RandomStream random(1, harness.name);
  for (int i = 0; i < kMutations && !HasFailure(); ++i) {
    const std::string& one = corpus[random.below(corpus.size())];
    const std::string& other = corpus[random.below(corpus.size())];
    run_and_report(
        harness, mutate(one, other, harness.words, random), "mutation " + std::to_string(i));
  }
}

INSTANTIATE_TEST_SUITE_P(Harness,
                         Fuzz,
                         ::testing::ValuesIn(harnesses().begin(), harnesses().end()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace retmask::fuzz
