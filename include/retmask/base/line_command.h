#pragma once
// A shell command that answers lines: it reads them on its standard input and writes one line for
// each, in order.

#include <functional>
#include <string>
#include <vector>

namespace retmask {

// Called for each line of output as it arrives, without its line break; `index`: of the line that
// it answers.
using AnswerVisitor = std::function<void(size_t index, const std::string& answer)>;

// Runs `command` once, by /bin/sh, with all `lines` (which hold no line break) as its input. It may
// answer whenever it likes, for example when it has read everything. Its standard error is ours.
// Throws UserError, which begins with `what` (its flag), if it ends before it has answered all
// lines, fails or answers more; then, and if `on_answer` or stop_point() throws, it is killed with
// all processes of its group. SIGPIPE must be ignored, as main.cpp does.
void run_line_command(const std::string& what,
                      const std::string& command,
                      const std::vector<std::string>& lines,
                      const AnswerVisitor& on_answer);

}  // namespace retmask
