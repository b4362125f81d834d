"""Helpers of the integration tests: files of rows, run.json, errors of one line, and programs that are stopped half-way."""

import contextlib
import gzip
import json
import pathlib
import sysconfig
import time


def read_rows(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as file:
        return [json.loads(line) for line in file]


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def count_lines(path):
    """0 if there is no such file."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes().count(b"\n")
    return 0


def run_record(out):
    return json.loads((out / "run.json").read_text())


def expect_one_line(failed, said=()):
    """The program ended with a single line on stderr that contains all of `said`."""
    assert failed.stderr.count("\n") == 1, failed.stderr
    assert all(str(part) in failed.stderr for part in said), failed.stderr


def error_line(failed, said=()):
    """The same for a user error, without output on stdout; returns the line without its start."""
    expect_one_line(failed, said)
    assert failed.stderr.startswith("retmask: error: "), failed.stderr
    assert failed.stdout == ""
    return failed.stderr.removesuffix("\n").removeprefix("retmask: error: ")


def wait_for(is_time, process, seconds=300):
    """Waits until `is_time` returns true; fails if the process ends before, or after that many seconds."""
    end = time.monotonic() + seconds
    while not is_time():
        assert process.poll() is None, f"it ended too early: {process.stderr.read() if process.stderr else ''}"
        assert time.monotonic() < end
        time.sleep(0.002)


def punkt_folder():
    """NLTK's punkt_tab/english, which the wheel of llama-index-core carries."""
    return pathlib.Path(sysconfig.get_path("purelib")) / "llama_index/core/_static/nltk_cache/tokenizers/punkt_tab/english"
