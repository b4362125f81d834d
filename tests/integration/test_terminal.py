"""Progress output: on terminals of any width, on dumb terminals, and in a log."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from chat_server import ChatServer
from synthesize_runs import write_prompts

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S")


def set_columns(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


class Screen:
    """Rows of a terminal that knows line breaks, \\r, ESC [ n A, ESC [ J and colours, and wraps at its edge."""

    def __init__(self, columns):
        self.columns, self.rows, self.row, self.column = columns, [[]], 0, 0

    def feed(self, text):
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.", text, re.S):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.row, self.column = self.row + 1, 0
            elif part.endswith("J") and part[0] == "\x1b":
                self.rows[self.row + 1 :], self.rows[self.row][self.column :] = [], []
            elif part.endswith("A") and part[0] == "\x1b":
                self.row -= int(part[2:-1] or 1)
            elif part[0] != "\x1b":
                if self.column == self.columns:
                    self.row, self.column = self.row + 1, 0
                self.rows += [[] for _ in range(self.row + 1 - len(self.rows))]
                self.rows[self.row][self.column : self.column + 1] = part
                self.column += 1
            self.rows += [[] for _ in range(self.row + 1 - len(self.rows))]

    def lines(self):
        return ["".join(row) for row in self.rows]


@pytest.fixture
def run_on_terminal(retmask, tmp_path):
    """run(columns, narrower=None, **environment): stderr of a short synthesis, on a terminal, with a warning in the middle."""
    prompts = write_prompts(tmp_path / "prompts.jsonl", [f"Say {i}." for i in range(12)])

    def run(columns, narrower=None, **environment):
        master, slave = pty.openpty()
        set_columns(slave, columns)

        def reply(request):
            if len(server.requests) == 4:
                if narrower:
                    set_columns(master, narrower)
                return 500, {"error": {"message": "\x1b[2Jnot now"}}
            return "Rain and salt."

        with ChatServer(reply=reply, delay=0.1).running() as server:
            command = [retmask.binary, "synthesize", "--strategy", "sft", "--endpoint", server.url, "--endpoint-model", "m"]
            command += ["--endpoint-concurrency", 1, "--prompts", prompts, "--out", tmp_path / f"out-{os.urandom(4).hex()}"]
            process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=slave, stdin=subprocess.DEVNULL,
                                       env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment})
            os.close(slave)
            written = b""
            while True:
                try:
                    written += os.read(master, 65536)
                except OSError:
                    break  # the other side is closed
            assert process.wait() == 0, written
        os.close(master)
        return written.decode().replace("\r\n", "\n")

    return run


def test_one_line_is_updated_below_the_messages(run_on_terminal):
    written = run_on_terminal(80)
    assert "\x1b[1;33mwarning\x1b[0m: " in written, "in colour"
    assert written.count("synthesize [") > 3
    screen = Screen(80)
    screen.feed(written)
    lines = screen.lines()
    assert [line.startswith("synthesize ") for line in lines].count(True) == 1, lines
    assert re.fullmatch(r"synthesize .*12/12 answers.*", lines[-2]) and lines[-1] == "", lines
    assert lines[0] == "info: 12 of 12 prompts", lines
    message = "".join(lines[1:-2])
    assert message.startswith("warning: http://127.0.0.1:") and message.endswith("trying again (reported once)"), lines
    assert "[2Jnot now" in message and "\x1b[2J" not in written, "a server does not clear the screen"


def test_never_wider_than_the_terminal_which_may_become_narrower(run_on_terminal):
    written = run_on_terminal(100, narrower=24)
    parts = [re.split(r"[\r\n\x1b]", part)[0] for part in written.split("\x1b[J")[1:]]
    widths = [len(part) for part in parts if part.startswith("synthesize ")]
    first = next(i for i, width in enumerate(widths) if width < 24)
    assert first > 0 and max(widths) < 100
    assert max(widths[first:]) < 24, "after the change"
    assert re.search(r"\x1b\[[1-4]A\x1b\[J", written), "the rows of the long line are cleared"


def test_no_colours_where_none_are_wanted(run_on_terminal):
    written = run_on_terminal(60, NO_COLOR="1")
    assert "warning: http" in written and not re.search(r"\x1b\[[0-9;]*m", written)
    assert "\x1b[J" in written, "the line is still updated"


def test_a_dumb_terminal_gets_lines(run_on_terminal):
    written = run_on_terminal(60, TERM="dumb")
    assert "warning: http" in written and "12/12 answers" in written
    assert "\x1b" not in written and "\r" not in written


def test_lines_of_a_log_have_the_time(retmask, tiny_llama, tmp_path):
    done = retmask("mask", "--model", tiny_llama, "--heads", "0-1", "--dtype", "float32", "--out", tmp_path / "out")
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and all(LOG_LINE.match(line) for line in lines), lines
    assert "warning: --dtype has no effect" in lines[0] and "mask " in lines[1]
    (tmp_path / "shared.toml").write_text('dtype = "float32"')
    shared = retmask("mask", "--model", tiny_llama, "--heads", "0-1", "--config", tmp_path / "shared.toml", "--out", tmp_path / "shared")
    assert "--dtype" not in shared.stderr, "the config file is for all commands"
    assert retmask("mask", "--bogus", code=2).stderr.startswith("retmask: error: "), "errors begin as ever"
