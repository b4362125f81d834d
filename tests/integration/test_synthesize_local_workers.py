"""retmask synthesize --workers: several local processes give the result of one."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from helpers import count_lines, expect_one_line, read_rows, run_record, wait_for
from synthesize_runs import final_bytes
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures


def children_of(process):
    """Process ids of the workers in start order; empty once the run has ended."""
    try:
        text = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def test_two_workers_write_what_one_writes(synthesize, tmp_path):
    flags = dict(samples=2, threads=2)
    synthesize(tmp_path / "one", workers=1, **flags)
    done = synthesize(tmp_path / "two", workers=2, **flags)
    assert final_bytes(tmp_path / "two") == final_bytes(tmp_path / "one")
    assert done.stdout.count("pairs:") == 1 and str(tmp_path / "two/pairs.jsonl") in done.stdout
    run = run_record(tmp_path / "two")
    assert run["status"] == "done" and run["inputs"] == run_record(tmp_path / "one")["inputs"]
    for shard in range(2):
        part = run_record(tmp_path / f"two/shard-{shard}-of-2")
        assert part["options"]["shard"] == f"{shard}/2" and part["threads"] == 1 and part["status"] == "done"

    before = final_bytes(tmp_path / "two")
    synthesize(tmp_path / "two", workers=2, **flags)
    assert final_bytes(tmp_path / "two") == before
    synthesize.merge(tmp_path / "two")
    assert final_bytes(tmp_path / "two") == before


def test_workers_draw_the_same_heads(synthesize, tmp_path, mask):
    """--scores: each worker selects the mask itself."""
    scores = {f"{layer}-{head}": [(layer * 5 + head * 3) % 11 / 10] for layer in range(4) for head in range(4)}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    flags = dict(mask=None, scores=tmp_path / "scores.json", mask_top_k=3, strategy="random-masked")
    synthesize(tmp_path / "one", **flags)
    synthesize(tmp_path / "two", workers=2, **flags)
    assert final_bytes(tmp_path / "two") == final_bytes(tmp_path / "one")


def test_a_mistake_is_said_once(synthesize, prompts, tmp_path):
    prompts.write_text(prompts.read_text() + "{broken\n")
    expect_one_line(synthesize(tmp_path / "out", code=2, workers=3), ["prompts.jsonl:11"])
    expect_one_line(synthesize(tmp_path / "out", code=2, workers=2, shard="0/2"), ["--workers 2", "--shard"])
    expect_one_line(synthesize(tmp_path / "out", code=2, workers=-1), ["--workers is -1"])
    step = {"SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}
    expect_one_line(synthesize(tmp_path / "out", code=2, workers=2, env=step), ["--workers 2", "SLURM"])


def test_a_folder_of_one_worker_is_refused(synthesize, tmp_path):
    synthesize(tmp_path / "out", limit=2)
    expect_one_line(synthesize(tmp_path / "out", code=2, limit=2, workers=2), ["single worker", "--out"])


def start(synthesize, out, **flags):
    command = [synthesize.retmask.binary, *synthesize.arguments(out, **flags)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for_answers(process, out, workers):
    """Waits until each worker has written an answer."""
    journals = [out / f"shard-{shard}-of-{workers}/answers.jsonl" for shard in range(workers)]
    wait_for(lambda: all(count_lines(journal) for journal in journals), process)


def test_a_signal_stops_all_workers(synthesize, tmp_path):
    flags = dict(samples=20, max_new_tokens=200, workers=2, batch_size=4)
    process = start(synthesize, tmp_path / "out", **flags)
    wait_for_answers(process, tmp_path / "out", workers=2)
    process.terminate()
    errors = process.stderr.read()
    assert process.wait() == 75
    assert "stopped" in errors and errors.count("\n") == 1, errors
    synthesize(tmp_path / "out", **flags)
    synthesize(tmp_path / "calm", **(flags | dict(workers=1)))
    assert final_bytes(tmp_path / "out") == final_bytes(tmp_path / "calm")


@pytest.mark.parametrize("victim", ["worker", "parent"])
def test_a_killed_run_goes_on(synthesize, tmp_path, victim):
    flags = dict(samples=20, max_new_tokens=200, workers=2, batch_size=4)
    out = tmp_path / "out"
    process = start(synthesize, out, **flags)
    wait_for_answers(process, out, workers=2)
    workers = children_of(process)
    assert len(workers) == 2
    if victim == "worker":
        os.kill(workers[1], signal.SIGKILL)
        errors = process.stderr.read()
        assert process.wait() == 1
        assert "worker 1 of 2" in errors and "signal 9" in errors and errors.count("\n") == 1, errors
    else:
        process.kill()
        process.wait()
    for worker in workers:  # no worker remains
        deadline = time.monotonic() + 10
        while pathlib.Path(f"/proc/{worker}/exe").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not pathlib.Path(f"/proc/{worker}/exe").exists()
    synthesize(out, **flags)
    synthesize(tmp_path / "calm", **(flags | dict(workers=1)))
    assert final_bytes(out) == final_bytes(tmp_path / "calm")
    rows = [row for shard in range(2) for row in read_rows(out / f"shard-{shard}-of-2/answers.jsonl")]
    assert len(rows) == 10 * 20 * 2, "no answer was written twice"
