"""Output folders and their inputs: a run with changed inputs is rejected; one whose inputs only look different is not."""

import datetime
import json
import os
import signal
import subprocess
import time

import pytest

from helpers import count_lines, run_record, wait_for
from synthesize_runs import mask, prompts, synthesize, write_prompts  # noqa: F401 (fixtures)
from test_train import PAIRS

LATER = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
time_t time(time_t* out) {
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  const char* later = getenv("SECONDS_LATER");
  const time_t shifted = now.tv_sec + (later ? atol(later) : 0);
  if (out) *out = shifted;
  return shifted;
}
"""
DATED = "{{ strftime_now('%d %b %Y') }}: {% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"


def snapshot(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """Environments for a program whose clock is the given number of seconds ahead."""
    folder = tmp_path_factory.mktemp("later")
    (folder / "later.c").write_text(LATER)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "later.so", folder / "later.c"], check=True)
    return lambda seconds: os.environ | {"LD_PRELOAD": str(folder / "later.so"), "SECONDS_LATER": str(seconds)}


def training(model, out, *flags):
    small = ["--global-batch-size", 4, "--learning-rate", "1e-3", "--dtype", "float32", "--threads", 1, "--device", "cpu"]
    return ["train-dpo", "--model", model, "--pairs", PAIRS, *small, "--out", out, *flags]


def test_changed_prompts_are_refused_twice(synthesize, prompts, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    synthesize(out)
    before = run_record(out)
    write_prompts(prompts, ["Something else about rain."])
    for _ in range(2):
        assert "the input prompts has changed" in synthesize(out, code=2).stderr
        assert run_record(out) == before
    prompts.unlink()
    assert "does not exist" in synthesize(out, code=2).stderr
    write_prompts(prompts, ["Something else about rain."])
    assert "the input prompts has changed" in synthesize(out, code=2).stderr


def test_files_of_the_model_count(retmask, model, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "The owl is grey."}\n')
    flags = ["eval", "--suite", "logprob", "--data", rows, "--device", "cpu", "--threads", 1, "--out", tmp_path / "out"]
    retmask(*flags, "--model", model)
    config = model / "tokenizer_config.json"
    text = config.read_text()
    config.write_text(text + " ")
    done = retmask(*flags, "--model", model, code=2)
    assert "model/tokenizer_config.json has changed" in done.stderr
    config.write_text(text)
    (model / "added_tokens.json").write_text("{}")
    assert "model/added_tokens.json was added" in retmask(*flags, "--model", model, code=2).stderr
    (model / "added_tokens.json").unlink()
    # Equivalent spellings: a relative path, and the type that "auto" resolves to.
    dtype = json.loads((model / "config.json").read_text())
    dtype = dtype.get("torch_dtype", dtype.get("dtype"))
    retmask(*flags, "--model", "./model/", "--dtype", dtype, cwd=tmp_path)


def test_a_run_without_a_result_binds_nothing(synthesize, prompts, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    good = prompts.read_text()
    prompts.write_text(good + '{"prompt": 7}\n')
    synthesize(out, code=2)
    (out / "job.log").write_text("it failed")
    prompts.write_text(good)
    synthesize(out, seed=5, max_new_tokens=4)
    assert run_record(out)["options"]["seed"] == 5


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_goes_on_after_midnight(retmask, later, model, tmp_path, ranks):
    (model / "chat_template.jinja").write_text(DATED)
    out = tmp_path / "out"
    arguments = [*training(model, out), "--max-steps", 120, "--save-every", 5, "--quiet", "--nproc", ranks]
    process = subprocess.Popen([retmask.binary, *map(str, arguments)], env=later(0), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: count_lines(out / "metrics.jsonl") >= 3, process)
    process.send_signal(signal.SIGUSR1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    moment = run_record(out)["moment"]
    retmask(*arguments, env=later(86400))
    assert run_record(out)["moment"] == moment and count_lines(out / "metrics.jsonl") == 120


def test_workers_have_one_moment(synthesize, later, model, tmp_path):  # noqa: F811
    (model / "chat_template.jinja").write_text(DATED)
    out, whole = tmp_path / "out", tmp_path / "whole"
    synthesize(whole, model=model, env=later(0))
    for shard in (1, 0):
        synthesize(out, model=model, shard=f"{shard}/2", env=later(86400 * shard))
    moments = {run_record(out / f"shard-{shard}-of-2")["moment"] for shard in (0, 1)}
    assert len(moments) == 1
    assert datetime.datetime.fromisoformat(moments.pop()) > datetime.datetime.now() + datetime.timedelta(hours=20)
    synthesize.merge(out)
    assert (out / "pairs.jsonl").read_bytes() != (whole / "pairs.jsonl").read_bytes(), "the date is part of each prompt"
    synthesize(tmp_path / "again", model=model, env=later(86400))
    assert (out / "pairs.jsonl").read_bytes() == (tmp_path / "again/pairs.jsonl").read_bytes()


def test_a_second_process_is_refused_and_changes_nothing(retmask, model, tmp_path):
    out = tmp_path / "out"
    arguments = training(model, out, "--max-steps", 2000, "--save-every", 3)
    first = subprocess.Popen([retmask.binary, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: count_lines(out / "metrics.jsonl") >= 4, first)
        first.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        before = snapshot(out)
        for command in (arguments, [*arguments, "--nproc", 2], ["report", "--runs", out, "--out", out]):
            start = time.monotonic()
            done = retmask(*command, code=2)
            assert "another process is writing into" in done.stderr and done.stderr.count("\n") == 1, done.stderr
            assert time.monotonic() - start < 10
        assert snapshot(out) == before
    finally:
        first.kill()
        first.wait()
    # The kernel releases a killed process's lock: now the other seed is rejected.
    done = retmask(*arguments, "--seed", 1, code=2)
    assert "seed 0 -> 1" in done.stderr


def test_files_of_others_stay(retmask, model, tmp_path):
    for name in ("model-00001-of-00002.safetensors", "tokenizer.json"):
        out = tmp_path / f"with {name}"
        out.mkdir()
        (out / name).write_text("mine")
        for command in (["mask", "--model", model, "--heads", "0-0", "--out", out], training(model, out, "--max-steps", 1)):
            done = retmask(*command, code=2)
            assert name in done.stderr and "was not written by this run" in done.stderr
            (out / "run.json").unlink()
        assert (out / name).read_text() == "mine"
    out = tmp_path / "masked"
    flags = ["mask", "--model", model, "--heads", "0-0", "--out", out]
    retmask(*flags)
    (out / "notes.txt").write_text("mine")
    retmask(*flags)  # it may replace its own files
    assert (out / "notes.txt").read_text() == "mine"
    (out / "config.json").write_text("{}")
    assert "was changed since" in retmask(*flags, code=2).stderr
    assert (out / "config.json").read_text() == "{}"


def test_no_command_writes_around_a_model(retmask, model, tmp_path, prompts, mask):  # noqa: F811
    (tmp_path / "link").symlink_to(model)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "a"}\n')
    before = snapshot(tmp_path)
    for place, command in [
        ("model", ["detect", "--model", model]),
        (".", ["mask", "--model", model, "--heads", "0-0"]),
        ("model/new", ["synthesize", "--model", model, "--prompts", prompts, "--mask", mask]),
        ("link", ["synthesize", "--endpoint", "http://localhost:1/v1", "--endpoint-model", "m", "--prompts", prompts]
         + ["--rejected-model", model]),
        ("link/new", ["train-dpo", "--model", model, "--pairs", PAIRS]),
        (".", ["eval", "--model", model, "--suite", "logprob", "--data", rows]),
    ]:  # fmt: skip
        done = retmask(*command, "--device", "cpu", "--out", tmp_path / place, code=2)
        assert "the model's" in done.stderr and "--out" in done.stderr, done.stderr
    assert snapshot(tmp_path) == before
