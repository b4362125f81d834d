"""train-dpo: stop signals, timed saves, held-out pairs, and their messages."""

import json
import signal
import subprocess
import time

import pytest

from helpers import count_lines, expect_one_line, read_rows, run_record, wait_for
from test_train import PAIRS, short_run, without_timing

STOPPED = 75


def start(retmask, *arguments):
    command = [str(retmask.binary), "train-dpo", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop_when(retmask, arguments, number, is_time):
    """Starts the program and sends it a signal once `is_time` returns true; returns (exit code, stderr)."""
    process = start(retmask, *arguments)
    wait_for(is_time, process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def changed(arguments, **values):
    """The flags with other values."""
    arguments = list(arguments)
    for name, value in values.items():
        arguments[arguments.index("--" + name.replace("_", "-")) + 1] = value
    return arguments


@pytest.fixture(scope="module")
def arguments(tiny_llama, tmp_path_factory):
    """A run with held-out pairs, without its --out."""
    held_out = tmp_path_factory.mktemp("pairs") / "held_out.jsonl"
    held_out.write_text("".join(line + "\n" for line in PAIRS.read_text().splitlines()[:6]))
    return ["--model", tiny_llama, *short_run(), "--dtype", "float32", "--eval-pairs", held_out, "--eval-every", 5]


@pytest.fixture(scope="module")
def undisturbed(retmask, arguments, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    retmask("train-dpo", *arguments, "--out", out)
    return out


def assert_same_result(out, undisturbed):
    assert without_timing(read_rows(out / "metrics.jsonl")) == without_timing(read_rows(undisturbed / "metrics.jsonl"))
    for name in ("model.safetensors", "eval_metrics.jsonl"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_signal_saves_the_state_and_the_next_start_goes_on(retmask, arguments, undisturbed, tmp_path, number):
    arguments = [*changed(arguments, save_every=0), "--out", tmp_path]
    metrics = tmp_path / "metrics.jsonl"
    for steps in (4, 11, 17):
        code, errors = stop_when(retmask, arguments, number, lambda: count_lines(metrics) >= steps)
        assert code == STOPPED, errors
        done = count_lines(metrics)
        assert f"retmask: stopped by {number.name} after step {done} of 24; the state is saved" in errors
        assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [f"step-{done}"]
        assert run_record(tmp_path)["status"] == "stopped"
        assert not (tmp_path / "model.safetensors").exists()
    retmask("train-dpo", *arguments)
    assert run_record(tmp_path)["status"] == "done"
    assert_same_result(tmp_path, undisturbed)


def test_a_signal_in_the_reference_pass(retmask, arguments, undisturbed, tmp_path):
    reference = tmp_path / "reference_logprobs.jsonl"
    arguments = [*arguments, "--out", tmp_path]
    code, errors = stop_when(retmask, arguments, signal.SIGTERM, lambda: count_lines(reference) >= 3)
    # Between two micro-batches it says "log-probs of the untrained model so far are kept", inside one "finished work is kept".
    assert code == STOPPED and " kept" in errors
    finished = count_lines(reference)
    assert not (tmp_path / "checkpoints").exists()
    retmask("train-dpo", *arguments)
    assert reference.read_bytes() == (undisturbed / "reference_logprobs.jsonl").read_bytes()
    assert 3 <= finished < count_lines(reference)
    assert_same_result(tmp_path, undisturbed)


def test_a_second_interrupt_ends_at_once(retmask, arguments, tmp_path):
    """The program is paused for both signals, so that the first cannot end it before the second arrives."""
    process = start(retmask, *changed(arguments, micro_batch_tokens=100000, global_batch_size=32), "--out", tmp_path)
    while count_lines(tmp_path / "metrics.jsonl") < 2:
        assert process.poll() is None
        time.sleep(0.002)
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        time.sleep(0.0005)
    process.communicate()
    assert process.returncode == -signal.SIGINT


def test_help_and_exit_code_of_a_stop_are_documented(retmask):
    assert "75 stopped by SIGTERM, SIGINT or" in retmask("--help").stdout
    assert "75 stopped by SIGTERM, SIGINT or" in retmask("train-dpo", "--help").stdout


def test_saves_by_time_say_where_and_how_long(retmask, tiny_llama, tmp_path):
    done = retmask("train-dpo", "--model", tiny_llama, *changed(short_run(4), save_every=0), "--save-minutes", 1e-6,
                   "--keep-last", 2, "--out", tmp_path)  # fmt: skip
    for step in (1, 2, 3):
        assert f"saved {tmp_path}/checkpoints/step-{step} in 0." in done.stderr
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-2", "step-3"]


def test_held_out_pairs_are_looked_at_and_not_trained_on(retmask, arguments, undisturbed, tiny_llama, tmp_path):
    rows = read_rows(undisturbed / "eval_metrics.jsonl")
    assert [row["step"] for row in rows] == [0, 5, 10, 15, 20, 24]
    assert set(rows[0]) == {
        "step", "loss", "rewards_chosen", "rewards_rejected", "accuracy", "margin", "rows", "tokens",
    }  # fmt: skip
    assert rows[0]["margin"] == 0 and rows[0]["rows"] == 6
    done = retmask("train-dpo", "--model", tiny_llama, *short_run(), "--dtype", "float32", "--out", tmp_path)
    assert "held out" not in done.stdout
    assert (tmp_path / "model.safetensors").read_bytes() == (undisturbed / "model.safetensors").read_bytes()
    again = retmask("train-dpo", *arguments, "--out", undisturbed)
    assert f"held out, before and after: loss {rows[0]['loss']:.4f} -> {rows[-1]['loss']:.4f}" in again.stdout
    other = retmask("train-dpo", *changed(arguments, eval_every=7), "--out", undisturbed, code=2)
    assert "eval-every 5 -> 7" in other.stderr


def test_figures_of_the_machine(undisturbed):
    for row in read_rows(undisturbed / "metrics.jsonl"):
        assert 0 < row["model_flops_utilization"] < 2, "the peak is measured while other work runs"
        assert 50e6 < row["memory_bytes"] < 50e9


LONG_PAIR = json.dumps({"prompt": "a b " * 700, "chosen": " yes", "rejected": " no" * 1500})


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--max-length", 100], "omit --max-length"),
        (["--long-rows", "drop"], "omit --long-rows"),
        (["--loss", "sft"], "--reference-truncation applies to --loss dpo"),
    ],
)
def test_reference_truncation_has_limits_of_its_own(retmask, tiny_llama, tmp_path, arguments, expected):
    done = retmask("train-dpo", "--model", tiny_llama, "--pairs", PAIRS, "--reference-truncation", *arguments,
                   "--out", tmp_path / "out", code=2)  # fmt: skip
    expect_one_line(done, [expected])


def test_reference_truncation_cuts_long_rows(retmask, tiny_llama, tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text(LONG_PAIR + "\n" + json.dumps({"prompt": "a", "chosen": " yes", "rejected": " no"}) + "\n")
    common = ["train-dpo", "--model", tiny_llama, "--pairs", file, "--max-steps", 1, "--global-batch-size", 2]
    assert "--long-rows" in retmask(*common, "--out", tmp_path / "whole", code=2).stderr, "longer than the model allows"
    done = retmask(*common, "--reference-truncation", "--out", tmp_path / "cut")
    assert "--reference-truncation truncated 1 of 2 rows" in done.stderr
    step = read_rows(tmp_path / "cut/metrics.jsonl")[0]
    assert 512 + 1024 < step["tokens"] < 512 + 1024 + 30
