#include "mt_bench_text.h"
#include "retmask/base/error.h"
#include "retmask/eval/mt_bench_suite.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/files.h"
#include "unit/support/temp_dir.h"

namespace retmask::eval {
namespace {

const std::vector<MtBenchQuestion> kQuestions = {
    {.id = 81, .category = "writing", .turns = {"Write {it}.", "Shorter."}},
    {.id = 101, .category = "math", .turns = {"1 + 1?", "And 2 + 2?"}}};

Json graded_row(const Json& question, const char* task, int turn, Json answer, int sample = 0) {
  return {{"id", mt_bench_id(question, sample, turn)},
          {"task", task},
          {"question", question},
          {"sample", sample},
          {"turn", turn},
          {"answer", std::move(answer)},
          {"score", nullptr}};
}

std::vector<Json> rows_of_both() {
  return {graded_row(81, "writing", 1, "A {story}. "),
          graded_row(81, "writing", 2, "Story."),
          graded_row(101, "math", 1, "2"),
          graded_row(101, "math", 2, "5")};
}

MtBenchRubric rubric() {
  return {
      .prompts = {{"single-v1", {"Help.", "Q {question} A {answer}"}},
                  {"single-math-v1", {"Help.", "Q {question} R {ref_answer_1} A {answer}"}},
                  {"single-v1-multi-turn", {"", "{question_1}|{answer_1}|{question_2}|{answer_2}"}},
                  {"single-math-v1-multi-turn", {"Count.", "{ref_answer_2}|{answer_2}"}}},
      .prompts_file = "prompts",
      .references = {{"101", {"two", "four"}}}};
}

TEST(MtBenchRequests, UseThePromptOfCategoryAndTurn) {
  const std::vector<JudgeRequest> requests =
      mt_bench_requests(kQuestions, rows_of_both(), rubric());
  ASSERT_EQ(requests.size(), 4u);
  const auto text = [&](size_t i) { return requests[i].chat.messages.back()["content"]; };
  EXPECT_EQ(requests[0].id, "81-0-1");
  EXPECT_EQ(requests[0].chat.messages.size(), 2u);
  EXPECT_EQ(requests[0].chat.messages[0].dump(), R"({"role":"system","content":"Help."})");
  EXPECT_EQ(text(0), "Q Write {it}. A A {story}.");
  EXPECT_EQ(requests[1].chat.messages.size(), 1u);  // no system message
  EXPECT_EQ(text(1), "Write {it}.|A {story}.|Shorter.|Story.");
  EXPECT_EQ(text(2), "Q 1 + 1? R two A 2");
  EXPECT_EQ(text(3), "four|5");
  EXPECT_EQ(requests[0].chat.temperature, 0.0);
  EXPECT_EQ(requests[0].chat.max_tokens, 2048);
}

TEST(MtBenchRequests, NeedReferencesAndKnownQuestions) {
  MtBenchRubric without = rubric();
  without.references.clear();
  expect_user_error([&] { mt_bench_requests(kQuestions, rows_of_both(), without); },
                    {"--judge-references is required", "math", "FastChat"});
  without.references_file = "refs.jsonl";
  expect_user_error([&] { mt_bench_requests(kQuestions, rows_of_both(), without); },
                    {"refs.jsonl has no reference answer to question 101"});
  expect_user_error(
      [&] { mt_bench_requests(kQuestions, {graded_row(7, "writing", 1, "x")}, rubric()); },
      {"7-0-1", "has none with id 7"});
}

TEST(MtBenchResults, AreMeansOfTheGrades) {
  std::vector<Json> rows = rows_of_both();
  grade_mt_bench(rows,
                 {.texts = {{"81-0-1", "Fine. [[8]]"},
                            {"81-0-2", "Rating: [[6.5]]"},
                            {"101-0-1", "[[10]]"},
                            {"101-0-2", "no idea"}}});
  EXPECT_EQ(rows[1]["score"], 6.5);
  EXPECT_TRUE(rows[3]["score"].is_null());
  EXPECT_EQ(rows[3]["verdict"], "no idea");
  const Json results = mt_bench_results_json({}, rows);
  EXPECT_DOUBLE_EQ(results["score"].get<double>(), (8 + 6.5 + 10) / 3);
  // The invalid verdict counts as -1.
  EXPECT_DOUBLE_EQ(results["paper_score"].get<double>(), ((8 + 6.5) / 2 + (10 - 1) / 2.0) / 2 / 10);
  EXPECT_EQ(
      results["tasks"][3].dump(),
      R"({"task":"math","turn":2,"score":null,"total":1,"errors":0,"missing":0,"invalid":1})");
  EXPECT_EQ(results["turns"][0]["score"], 9.0);
  EXPECT_EQ(results["invalid"], 1);
}

TEST(MtBenchResults, NoMeanHidesWhatIsMissing) {
  std::vector<Json> rows = rows_of_both();
  rows[2]["answer"] = nullptr;
  grade_mt_bench(rows, {.texts = {{"81-0-1", "[[8]]"}, {"81-0-2", "[[6]]"}}});
  const Json results = mt_bench_results_json({}, rows);
  EXPECT_EQ(results["missing"], 1);
  EXPECT_EQ(results["errors"], 1);
  EXPECT_TRUE(results["score"].is_null());
  EXPECT_TRUE(results["paper_score"].is_null());
  EXPECT_EQ(results["tasks"][0]["score"], 8.0);
  EXPECT_TRUE(results["tasks"][3]["score"].is_null());
  EXPECT_TRUE(results["turns"][1]["score"].is_null());
}

TEST(MtBenchResults, AverageTheSamplesOfATurnFirst) {
  std::vector<Json> rows = {graded_row(81, "writing", 1, "a", 0),
                            graded_row(81, "writing", 1, "b", 1),
                            graded_row(81, "writing", 2, "c", 0)};
  grade_mt_bench(rows, {.texts = {{"81-0-1", "[[2]]"}, {"81-1-1", "[[4]]"}, {"81-0-2", "[[9]]"}}});
  EXPECT_DOUBLE_EQ(mt_bench_results_json({}, rows)["paper_score"].get<double>(), 0.6);
}

TEST(MtBenchRows, ASecondTurnThatWasNotAskedIsAnError) {
  Json failed = graded_row(81, "writing", 1, nullptr);
  failed["error"] = "too long";
  const std::vector<Json> rows =
      both_turns({failed, graded_row(101, "math", 1, "2")}, {graded_row(101, "math", 2, "4")});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[1]["id"], "81-0-2");
  EXPECT_EQ(rows[1]["turn"], 2);
  EXPECT_EQ(rows[1]["error"], "the first turn has no answer");
  EXPECT_EQ(rows[3]["id"], "101-0-2");
}

TEST(MtBenchText, CutsAtCharacters) {
  EXPECT_EQ(first_characters("äöü", 2), "äö");
  EXPECT_EQ(first_characters("äöü", 3), "äöü");
  EXPECT_EQ(stripped_answer("\n Yes.\t"), "Yes.");
}

class MtBenchDataTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    testing::write_text(dir_ / name, text);
    return dir_ / name;
  }
  void expect_error(const std::string& row, const std::vector<std::string>& parts) {
    const auto path = write("question.jsonl", row + "\n");
    expect_user_error([&] { read_mt_bench_questions(path, 100); }, parts);
  }
  testing::TempDir dir_;
};

TEST_F(MtBenchDataTest, ReadsTheFirstQuestions) {
  const auto path = write("question.jsonl",
                          R"({"question_id": 81, "category": "writing", "turns": ["a", "b"]}
{"question_id": "x", "category": "math", "turns": ["c", "d"], "reference": ["e", "f"]}
)");
  const auto questions = read_mt_bench_questions(path, 100);
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[1].id, "x");
  EXPECT_EQ(questions[1].turns[1], "d");
  EXPECT_TRUE(questions[1].needs_reference());
  EXPECT_FALSE(questions[0].needs_reference());
  EXPECT_EQ(read_mt_bench_questions(path, 1).size(), 1u);
}

TEST_F(MtBenchDataTest, RefusesMalformedQuestions) {
  expect_error(R"({"category": "math", "turns": ["a", "b"]})", {"jsonl:1", "question_id"});
  expect_error(R"({"question_id": 1, "category": "math", "turns": ["a"]})", {"1 entries"});
  expect_error(R"({"question_id": 1, "turns": ["a", "b"]})", {"\"category\" is missing"});
  const std::string row = R"({"question_id": 1, "category": "c", "turns": ["a", "b"]})";
  expect_error(row + "\n" + row, {"jsonl:2", "a second question with id 1"});
}

TEST_F(MtBenchDataTest, RubricNeedsAllFourPrompts) {
  const auto path = write("prompts.jsonl",
                          R"({"name": "single-v1", "system_prompt": "s", "prompt_template": "t"})"
                          "\n");
  expect_user_error([&] { read_mt_bench_rubric(path, ""); },
                    {"prompts.jsonl", "none with the name single-math-v1"});
}

}  // namespace
}  // namespace retmask::eval
