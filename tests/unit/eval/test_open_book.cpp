// Suites kv and qa: prompts as in lost-in-the-middle, the right pair or passage at its place. Suite
// mrcr: the right answer among those to equal requests.

#include "retmask/base/error.h"
#include "retmask/eval/kv_suite.h"
#include "retmask/eval/mrcr_suite.h"
#include "retmask/eval/qa_suite.h"
#include "retmask/niah/needles.h"
#include "tiny_subject.h"
#include "unit/support/expect_user_error.h"

namespace retmask::eval {
namespace {

class OpenBookTest : public TinySubjectTest {
 protected:
  std::vector<Sample> kv(const KvOptions& options, const std::vector<KvRow>& rows = {}) const {
    return build_kv_samples(options, rows, encoder_, /*max_positions=*/100'000);
  }
  std::string text(const Sample& sample) const {
    return tokenizer_->decode(sample.prompt, /*skip_special_tokens=*/false);
  }

  const PromptEncoder encoder_{*tokenizer_, checkpoint_.dir(), ChatUse::none};
};

TEST_F(OpenBookTest, KvPromptIsThatOfTheOriginal) {
  const std::vector<KvRow> rows = {
      {.pairs = {{"k1", "v1"}, {"k2", "v2"}, {"k3", "v3"}}, .gold = 0}};
  const Sample sample = kv({.depths = 1}, rows).at(0);
  EXPECT_EQ(text(sample),
            "Extract the value corresponding to the specified key in the JSON object below.\n\n"
            "JSON data:\n{\"k1\": \"v1\",\n \"k2\": \"v2\",\n \"k3\": \"v3\"}\n\n"
            "Key: \"k1\"\nCorresponding value:");
  EXPECT_EQ(sample.references, std::vector<std::string>{"v1"});
}

TEST_F(OpenBookTest, KvMovesTheKeyToEachDepth) {
  KvRow row;
  for (int i = 0; i < 9; ++i) {
    row.pairs.emplace_back("k" + std::to_string(i), "v" + std::to_string(i));
  }
  row.gold = 4;
  const auto samples = kv({.keys = {5}, .depths = 3, .max_samples = 3}, {row, row, row});
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_NE(text(samples[0]).find("{\"k4\": \"v4\",\n \"k0\""), std::string::npos);
  EXPECT_NE(text(samples[1]).find("\"k1\": \"v1\",\n \"k4\": \"v4\",\n \"k2\""), std::string::npos);
  EXPECT_NE(text(samples[2]).find("\"k3\": \"v3\",\n \"k4\": \"v4\"}"), std::string::npos);
}

TEST_F(OpenBookTest, KvTakesMorePairsFromTheNextRows) {
  const std::vector<KvRow> rows = {{.pairs = {{"a", "1"}, {"b", "2"}}, .gold = 1},
                                   {.pairs = {{"a", "3"}, {"c", "4"}}, .gold = 0}};
  const auto samples = kv({.keys = {3}, .depths = 1}, rows);
  EXPECT_NE(text(samples[0]).find("{\"b\": \"2\",\n \"a\": \"1\",\n \"c\": \"4\"}"),
            std::string::npos);
  EXPECT_EQ(samples[1].references, std::vector<std::string>{"3"});
  expect_user_error([&] { kv({.keys = {4}}, rows); },
                    {"--data has 3 different keys, fewer than --keys 4"});
}

TEST_F(OpenBookTest, KvFillsALength) {
  for (const int64_t length : {400, 3000}) {
    for (const Sample& sample : kv({.lengths = {length}, .max_samples = 3})) {
      EXPECT_LE(sample.prompt.size(), static_cast<size_t>(length));
      EXPECT_GT(sample.prompt.size(), static_cast<size_t>(length - 200));
      EXPECT_EQ(sample.length, length);
      EXPECT_NE(text(sample).find(sample.references[0]), std::string::npos);
    }
  }
  EXPECT_EQ(kv({.max_samples = 1})[0].meta["keys"], 75);
  expect_user_error([&] { kv({.lengths = {50}}); }, {"two keys make a prompt of "});
}

class QaSuiteTest : public OpenBookTest {
 protected:
  QaSuiteTest() {
    for (int i = 0; i < 12; ++i) {
      const std::string n = std::to_string(i);
      questions_.push_back({.question = "Who keeps mill " + n + "?",
                            .answers = {"Keeper" + n + "x"},
                            .gold = {{.title = "Mill " + n,
                                      .text = "The mill " + n + " is kept by Keeper" + n + "x."}}});
    }
    questions_[3].gold[0].text += " Not Keeper0x.";
  }

  std::vector<Sample> qa(const QaOptions& options) const {
    return build_qa_samples(options, questions_, encoder_, /*max_positions=*/100'000);
  }

  std::vector<PassageQuestion> questions_;
};

TEST_F(QaSuiteTest, PromptIsThatOfTheOriginal) {
  questions_.resize(1);
  EXPECT_EQ(text(qa({.lengths = {500}, .depths = 1})[0]),
            "Write a high-quality answer for the given question using only the provided search "
            "results (some of which might be irrelevant).\n\n"
            "Document [1](Title: Mill 0) The mill 0 is kept by Keeper0x.\n\n"
            "Question: Who keeps mill 0?\nAnswer:");
}

TEST_F(QaSuiteTest, PutsTheGoldPassageAtEachDepth) {
  const auto samples = qa({.lengths = {400}, .depths = 3, .max_samples = 3});
  ASSERT_EQ(samples.size(), 3u);
  std::vector<double> places;
  for (size_t i = 0; i < 3; ++i) {
    const std::string prompt = text(samples[i]);
    EXPECT_LE(samples[i].prompt.size(), 400u);
    EXPECT_GT(samples[i].prompt.size(), 330u);
    const size_t documents = prompt.find("Document [1]");
    const size_t gold = prompt.find(questions_[i].gold[0].text);
    ASSERT_NE(gold, std::string::npos);
    places.push_back(static_cast<double>(gold - documents) /
                     static_cast<double>(prompt.find("\n\nQuestion") - documents));
    // The passage of question 3 names the answer of question 0.
    if (i > 0) continue;
    EXPECT_EQ(prompt.find("Not Keeper0x"), std::string::npos);
  }
  EXPECT_LT(places[0], 0.2);
  EXPECT_NEAR(places[1], 0.5, 0.15);
  EXPECT_GT(places[2], 0.8);
}

TEST_F(QaSuiteTest, RefusesALengthThatTheGoldPassageDoesNotFit) {
  expect_user_error([&] { qa({.lengths = {40}}); }, {"use larger --lengths"});
}

TEST_F(QaSuiteTest, MistakesInTheDataNameFileAndLine) {
  const auto read = [&](const std::string& line) {
    return read_passage_questions(
        write("qa.jsonl",
              R"({"question": "q", "answers": ["a"], "ctxs": [{"text": "t", "isgold": true}]})"
              "\n" +
                  line + "\n"));
  };
  EXPECT_EQ(read("").size(), 1u);
  expect_user_error([&] { read(R"({"question": "q", "answers": ["a"]})"); },
                    {"qa.jsonl:2: \"ctxs\" is missing; expected {\"question\""});
  expect_user_error(
      [&] { read(R"({"question": "q", "answers": ["a"], "ctxs": [{"text": "t"}]})"); },
      {"qa.jsonl:2: none of \"ctxs\" has \"isgold\": true"});
}

class MrcrSuiteTest : public OpenBookTest {
 protected:
  const PromptEncoder chat_{*tokenizer_, checkpoint_.dir(), ChatUse::all};
};

TEST_F(MrcrSuiteTest, AsksForOneOfSeveralAnswers) {
  const auto samples = build_mrcr_samples({.lengths = {9000}, .max_samples = 2},
                                          niah::builtin_haystack(),
                                          chat_,
                                          /*max_positions=*/100'000);
  ASSERT_EQ(samples.size(), 6u);
  for (const Sample& sample : samples) {
    SCOPED_TRACE(sample.id);
    EXPECT_LE(sample.prompt.size(), 9000u);
    EXPECT_GT(sample.prompt.size(), 7500u);
    const std::string prompt = text(sample);
    const std::string& prefix = sample.references[1];
    const std::string right = sample.references[0].substr(prefix.size());
    const size_t asked = prompt.find("Prepend " + prefix + " to the ") + 8 + prefix.size() + 8;
    const auto ordinal = static_cast<size_t>(prompt[asked] - '1');
    // "Here is a poem about the otter." begins all answers to the request.
    const std::string start = right.substr(0, right.find('.') + 1);
    size_t at = prompt.find(start);
    for (size_t i = 0; i < ordinal; ++i) at = prompt.find(start, at + 1);
    EXPECT_EQ(prompt.substr(at, right.size()), right);
    const size_t needles = sample.task == "mrcr_2needle"   ? 2
                           : sample.task == "mrcr_4needle" ? 4
                                                           : 8;
    size_t found = 0;
    for (size_t i = prompt.find(start); i != std::string::npos; i = prompt.find(start, i + 1))
      ++found;
    EXPECT_EQ(found, needles);
  }
}

TEST_F(MrcrSuiteTest, ReadsThePublishedForm) {
  const auto file = write(
      "mrcr.jsonl",
      R"({"prompt": "[{\"role\": \"user\", \"content\": \"Hi\"}]", "answer": "aBcyes", "random_string_to_prepend": "aBc", "n_needles": 2})"
      "\n");
  const auto samples = read_mrcr_samples(file, {}, chat_);
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(text(samples[0]), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(samples[0].references, (std::vector<std::string>{"aBcyes", "aBc"}));
  EXPECT_EQ(samples[0].task, "mrcr_2needle");
  EXPECT_FALSE(samples[0].length);
  expect_user_error([&] { read_mrcr_samples(file, {.tasks = {"mrcr_8needle"}}, chat_); },
                    {"has no conversations of the tasks asked for"});
}

}  // namespace
}  // namespace retmask::eval
