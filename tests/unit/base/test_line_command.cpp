#include <gtest/gtest.h>
#include <signal.h>

#include "retmask/base/error.h"
#include "retmask/base/line_command.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

class LineCommandTest : public ::testing::Test {
 protected:
  LineCommandTest() { ::signal(SIGPIPE, SIG_IGN); }

  std::vector<std::string> answers(const std::string& command,
                                   const std::vector<std::string>& lines) {
    std::vector<std::string> read;
    run_line_command("--command", command, lines, [&](size_t index, const std::string& answer) {
      EXPECT_EQ(index, read.size());
      read.push_back(answer);
    });
    return read;
  }

  const std::vector<std::string> lines_ = {"b", "a", "c"};
};

TEST_F(LineCommandTest, AnswersEachLine) {
  EXPECT_EQ(answers("cat", lines_), lines_);
  EXPECT_EQ(answers("sort; exit 0", lines_), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(answers("read a; read b; read c; printf '%s\\n%s\\n%s' $c $b $a", lines_),
            (std::vector<std::string>{"c", "a", "b"}));
  EXPECT_TRUE(answers("cat", {}).empty());
}

// More than the pipes hold, in both directions.
TEST_F(LineCommandTest, AnswersLinesThatFillThePipes) {
  const std::vector<std::string> many(2000, std::string(500, 'x'));
  EXPECT_EQ(answers("cat", many), many);
  EXPECT_EQ(answers("sort", many), many);
}

TEST_F(LineCommandTest, SaysHowItFailed) {
  expect_user_error([&] { answers("head -n 2", lines_); }, {"--command", "2 of 3 lines"});
  expect_user_error([&] { answers("cat; exit 3", lines_); }, {"exit code 3", "3 of 3 lines"});
  expect_user_error([&] { answers("cat; echo more", lines_); }, {"more than the 3 lines"});
  expect_user_error([&] { answers("kill -9 $$", lines_); }, {"signal 9"});
  expect_user_error([&] { answers("no-such-command 2> /dev/null", lines_); }, {"exit code 127"});
}

TEST_F(LineCommandTest, IsKilledWhenAnAnswerIsRefused) {
  // The shell waits for its child, which would never end.
  EXPECT_THROW(run_line_command("--command",
                                "echo 1; sleep 1000; echo 2",
                                lines_,
                                [](size_t, const std::string&) { throw UserError("no"); }),
               UserError);
}

}  // namespace
}  // namespace retmask
