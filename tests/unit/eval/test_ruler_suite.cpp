// RULER's thirteen tasks with a real tokenizer: prompts fill their length, hold what is asked for,
// and depend on the seed alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "retmask/base/error.h"
#include "retmask/eval/ruler_suite.h"
#include "retmask/niah/needles.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/golden_files.h"

namespace retmask::eval {
namespace {

std::filesystem::path tiny_folder() { return testing::golden_dir() / "tiny" / "llama"; }

// Qwen3's tokenizer if the shared data is there.
std::filesystem::path tokenizer_folder() {
  const auto real = std::filesystem::path(RETMASK_SHARED_DIR) / "tokenizers" / "qwen3";
  return std::filesystem::exists(real) ? real : tiny_folder();
}

// 80 questions, each with a passage of its own of 20 to 100 words.
std::vector<PassageQuestion> make_questions() {
  std::vector<PassageQuestion> questions;
  RandomStream random(5, "questions");
  for (int i = 0; i < 80; ++i) {
    const std::string answer = "Answer-" + std::to_string(1000 + i);
    std::string text = "The warden of station " + std::to_string(i) + " was called " + answer + ".";
    for (uint64_t w = 0; w < 20 + random.below(80); ++w) text += " boats pass";
    questions.push_back({.question = "who was the warden of station " + std::to_string(i),
                         .answers = {answer},
                         .gold = {{.title = "Station " + std::to_string(i), .text = text}}});
  }
  return questions;
}

struct RulerRun {
  std::vector<std::string> tasks = {};
  std::vector<int64_t> lengths = {1500};
  int64_t max_samples = 2;
  uint64_t seed = 3;
  ChatUse chat = ChatUse::automatic;
  std::filesystem::path folder = tokenizer_folder();
  int64_t max_positions = 131'072;
};

struct RulerSamples {
  std::vector<Sample> samples;
  std::vector<std::string> texts;  // of the prompts
};

RulerSamples make(const RulerRun& run) {
  const auto tokenizer = Tokenizer::load(run.folder);
  const PromptEncoder encoder(*tokenizer, run.folder, run.chat);
  RulerSamples made{.samples = build_ruler_samples({.tasks = run.tasks,
                                                    .lengths = run.lengths,
                                                    .max_samples = run.max_samples,
                                                    .seed = run.seed},
                                                   {niah::builtin_haystack(), make_questions()},
                                                   encoder,
                                                   run.max_positions),
                    .texts = {}};
  for (const Sample& sample : made.samples) {
    made.texts.push_back(tokenizer->decode(sample.prompt, /*skip_special_tokens=*/false));
  }
  return made;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// How often each word occurs behind `begin` and before `end`.
std::map<std::string, int> word_counts(const std::string& text,
                                       const std::string& begin,
                                       const std::string& end) {
  const size_t from = text.rfind(begin) + begin.size();
  std::istringstream words(text.substr(from, text.find(end, from) - from));
  std::map<std::string, int> counts;
  for (std::string word; words >> word;) ++counts[word];
  return counts;
}

TEST(RulerSuite, PromptsFillTheirLengthAndHoldTheReferences) {
  // Tokens of the largest unit of filler text.
  const auto slack = [](const std::string& task) {
    if (task == "niah_multikey_3") return 150;
    if (task == "niah_multikey_2" || task == "niah_single_1" || task == "vt") return 60;
    return task.starts_with("qa") ? 120 : 40;
  };
  for (const uint64_t seed : {0, 7, 123456789}) {
    const RulerSamples made = make({.lengths = {1000, 1500, 5000}, .max_samples = 2, .seed = seed});
    ASSERT_EQ(made.samples.size(), 13u * 3 * 2);
    std::set<std::string> ids;
    for (size_t i = 0; i < made.samples.size(); ++i) {
      const Sample& sample = made.samples[i];
      SCOPED_TRACE(sample.id);
      EXPECT_TRUE(ids.insert(sample.id).second);
      const auto tokens = static_cast<int64_t>(sample.prompt.size());
      EXPECT_LE(tokens, *sample.length);
      EXPECT_GT(tokens, *sample.length - slack(sample.task));
      ASSERT_FALSE(sample.references.empty());
      for (const std::string& reference : sample.references) {
        EXPECT_NE(made.texts[i].find(reference), std::string::npos) << reference;
      }
    }
  }
}

TEST(RulerSuite, DrawsDependOnTheSeedAndNotOnTheTokenizer) {
  const RulerRun run{.lengths = {1200}};
  const RulerSamples once = make(run);
  const RulerSamples again = make(run);
  RulerRun other_run = run;
  other_run.seed = 4;
  const RulerSamples other = make(other_run);
  RulerRun tiny_run = run;
  tiny_run.folder = tiny_folder();
  tiny_run.chat = ChatUse::none;
  tiny_run.lengths = {2500};
  RulerRun long_run = run;
  long_run.lengths = {2500};
  const RulerSamples tiny = make(tiny_run);
  const RulerSamples with_other_tokenizer = make(long_run);
  ASSERT_EQ(tiny.samples.size(), with_other_tokenizer.samples.size());
  for (size_t i = 0; i < once.samples.size(); ++i) {
    EXPECT_EQ(once.samples[i].prompt, again.samples[i].prompt);
    EXPECT_NE(once.samples[i].prompt, other.samples[i].prompt);
    EXPECT_EQ(tiny.samples[i].references, with_other_tokenizer.samples[i].references);
  }
}

TEST(RulerSuite, NeedlesAreOnesOfTheirTask) {
  const RulerSamples made =
      make({.tasks = {"niah_single_1", "niah_multikey_1", "niah_multivalue", "niah_multiquery"},
            .max_samples = 1,
            .chat = ChatUse::none});
  const std::vector<size_t> needles = {1, 4, 4, 4};
  const std::vector<size_t> references = {1, 1, 4, 4};
  for (size_t i = 0; i < made.samples.size(); ++i) {
    SCOPED_TRACE(made.samples[i].task);
    EXPECT_EQ(count_of(made.texts[i], "One of the special magic numbers for "), needles[i]);
    EXPECT_EQ(made.samples[i].references.size(), references[i]);
    EXPECT_EQ(made.samples[i].max_new_tokens, 128);
  }
  const std::string& single = made.texts[0];
  EXPECT_EQ(single.find("A special magic number is hidden within the following text. Make sure"),
            0u);
  const size_t key = single.find("What is the special magic number for ") + 37;
  const std::string name = single.substr(key, single.find(" mentioned", key) - key);
  EXPECT_NE(single.find("One of the special magic numbers for " + name +
                        " is: " + made.samples[0].references[0] + "."),
            std::string::npos);
  EXPECT_TRUE(single.ends_with(" mentioned in the provided text? The special magic number for " +
                               name + " mentioned in the provided text is"));
  EXPECT_NE(made.texts[3].find(", and "), std::string::npos);
}

TEST(RulerSuite, FrequentAndCommonWordsAreTheMostFrequent) {
  const RulerSamples made =
      make({.tasks = {"cwe", "fwe"}, .lengths = {1000, 6000}, .chat = ChatUse::none});
  for (size_t i = 0; i < made.samples.size(); ++i) {
    const Sample& sample = made.samples[i];
    SCOPED_TRACE(sample.id);
    auto counts =
        sample.task == "cwe"
            ? word_counts(made.texts[i], "Memorize the ones that appear most often.", "Question:")
            : word_counts(made.texts[i], "coded words.", "Question:");
    counts.erase("...");
    int fewest = 1'000'000;
    for (const std::string& reference : sample.references) {
      fewest = std::min(fewest, counts[reference]);
      counts.erase(reference);
    }
    for (const auto& [word, count] : counts) EXPECT_LT(count, fewest) << word;
    EXPECT_EQ(sample.references.size(), sample.task == "cwe" ? 10u : 3u);
  }
}

TEST(RulerSuite, VariablesAreAChain) {
  const RulerSamples made = make({.tasks = {"vt"}, .max_samples = 3, .chat = ChatUse::none});
  for (size_t i = 0; i < made.samples.size(); ++i) {
    const std::vector<std::string>& names = made.samples[i].references;
    ASSERT_EQ(names.size(), 5u);
    size_t last = made.texts[i].find("VAR " + names[0] + " = ");
    for (size_t hop = 1; hop < names.size(); ++hop) {
      const size_t at = made.texts[i].find("VAR " + names[hop] + " = VAR " + names[hop - 1] + " ");
      ASSERT_NE(at, std::string::npos);
      EXPECT_GT(at, last);
      last = at;
    }
    // The solved example and the question.
    EXPECT_EQ(count_of(made.texts[i], "Memorize and track the chain(s)"), 2u);
  }
}

TEST(RulerSuite, OnlyTheGoldPassageHasTheAnswer) {
  const RulerSamples made = make({.tasks = {"qa_1", "qa_2"}, .max_samples = 4});
  for (size_t i = 0; i < made.samples.size(); ++i) {
    EXPECT_EQ(count_of(made.texts[i], made.samples[i].references[0]), 1u);
    EXPECT_EQ(count_of(made.texts[i], "\nStation "),
              made.samples[i].task == "qa_2" ? count_of(made.texts[i], "Document ") : 0u);
  }
}

TEST(RulerSuite, LeavesRoomForTheAnswerAtTheModelsMaximum) {
  const RulerSamples made =
      make({.tasks = {"niah_single_2"}, .lengths = {1024, 2048}, .max_positions = 1024});
  EXPECT_LE(made.samples[0].prompt.size(), 1024u - 128);
  EXPECT_GT(made.samples[0].prompt.size(), 1024u - 140);
  EXPECT_GT(made.samples[3].prompt.size(), 2000u);  // an error when it is answered
}

TEST(RulerSuite, RefusesWhatItCannotMake) {
  expect_user_error([] { make({.tasks = {"niah_single_4"}}); },
                    {"--tasks holds \"niah_single_4\", expected some of: niah_single_1"});
  expect_user_error([] { make({.lengths = {60}}); },
                    {"the task niah_single_1 needs prompts of at least "});
  expect_user_error([] { RulerOptions{.tasks = {"qa_1"}}.validate(/*has_data=*/false); },
                    {"the task qa_1 asks about given passages: give --data"});
  EXPECT_EQ(RulerOptions{}.resolved_tasks(/*has_data=*/false).size(), 11u);
  EXPECT_EQ(RulerOptions{}.resolved_tasks(/*has_data=*/true).size(), 13u);
}

}  // namespace
}  // namespace retmask::eval
