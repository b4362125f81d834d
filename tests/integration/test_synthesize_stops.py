"""retmask synthesize under kills, on a full disk, and with answers larger than its memory."""

import json
import os
import random
import shlex
import signal
import subprocess
import time

import pytest

from helpers import count_lines, expect_one_line, wait_for
from synthesize_runs import FINAL_FILES, final_bytes
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures


def kill_during(command, journal, answers, delay):
    """Starts the command and kills it shortly after the given number of new answers; returns whether it was still running."""
    goal = count_lines(journal) + answers
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while count_lines(journal) < goal and process.poll() is None:
        time.sleep(0.002)
    time.sleep(delay)
    was_running = process.poll() is None
    process.kill()
    process.wait()
    return was_running


def test_twenty_kills_change_nothing(synthesize, tmp_path):
    """kill -9 at random times: at the start, during decoding, while the final files are written. Resuming gives the same
    bytes as an undisturbed run."""
    flags = dict(samples=10, max_new_tokens=100, batch_size=5)
    calm, out = tmp_path / "calm", tmp_path / "killed"
    journal = out / "answers.jsonl"
    synthesize(calm, **flags)
    all_answers = count_lines(calm / "answers.jsonl")

    command = [synthesize.retmask.binary, *synthesize.arguments(out, **flags)]
    dice = random.Random(3)
    at_the_start = [kill_during(command, journal, 0, dice.uniform(0, 0.3)) for _ in range(3)]
    between = [kill_during(command, journal, dice.randrange(1, 6), dice.uniform(0, 0.03)) for _ in range(11)]
    assert all(between) and 0 < count_lines(journal) < all_answers
    os.truncate(journal, journal.stat().st_size - 7)  # a kill in the middle of a write
    # The last answer is followed by the final files.
    at_the_end = [kill_during(command, journal, all_answers - count_lines(journal), 0)]
    at_the_end += [kill_during(command, journal, 0, dice.uniform(0.1, 0.4)) for _ in range(5)]
    assert len(at_the_start + between + at_the_end) == 20 and any(at_the_end)

    synthesize(out, **flags)
    assert final_bytes(out) == final_bytes(calm)
    assert count_lines(journal) == all_answers, "no answer was written twice"
    assert not list(out.glob("*jsonl*.tmp*")), "leftovers of killed runs are removed"


def test_two_runs_in_one_folder(synthesize, tmp_path):
    """The second run is rejected and does no harm."""
    out = tmp_path / "out"
    first = subprocess.Popen(
        [synthesize.retmask.binary, *synthesize.arguments(out, samples=2)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: count_lines(out / "answers.jsonl") > 0, first)
    first.send_signal(signal.SIGSTOP)
    refused = synthesize(out, code=2, samples=2)
    first.send_signal(signal.SIGCONT)
    expect_one_line(refused, [str(out), "another process", "--out"])
    assert first.wait() == 0
    assert count_lines(out / "answers.jsonl") == 2 * 2 * 10


def in_own_mounts():
    """Command prefix that allows private mounts."""
    prefix = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        prefix[1:1] = ["--user", "--map-root-user"]
    probe = subprocess.run([*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {probe.stderr.strip()}")
    return prefix


def pages(*files):
    return sum(-(-file.stat().st_size // 4096) * 4096 for file in files)


def test_full_disk(synthesize, tmp_path):
    """Stops with one line during decoding and while the final files are written, keeps finished answers, and resumes."""
    prefix = in_own_mounts()
    flags = dict(samples=4, max_new_tokens=100)
    calm, disk, kept = tmp_path / "calm", tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    # The rows contain no folder, so the runs' files do not depend on their location.
    synthesize(calm, **flags)
    journal = pages(calm / "answers.jsonl")
    run_json = 2 * pages(calm / "run.json")  # replaced by a new one
    assert journal >= 8 * 4096, "too small for a disk that it fills"

    command = shlex.join([str(synthesize.retmask.binary), *synthesize.arguments(disk / "out", **flags)])
    script = f"""
        run() {{ code=0; {command} 2> {kept}/$1.err || code=$?; echo $code > {kept}/$1.code; }}
        save() {{ cp {disk}/out/answers.jsonl {kept}/$1.jsonl; ls {disk}/out > {kept}/$1.files; }}
        mount -t tmpfs -o size={run_json + journal // 2} tmpfs {disk}
        run first; save first
        mount -o remount,size={run_json + journal + 4096} {disk}
        run second; save second
        mount -o remount,size=50m {disk}
        run third
        cp -r {disk}/out {kept}/out
    """
    subprocess.run([*prefix, "bash", "-ec", script], check=True, timeout=300)

    for name, said in [("first", "answers.jsonl"), ("second", "jsonl")]:
        errors = [line for line in (kept / f"{name}.err").read_text().splitlines() if "error" in line]
        assert (kept / f"{name}.code").read_text() == "1\n", errors
        assert len(errors) == 1 and said in errors[0] and "No space left on device" in errors[0], errors
        assert ".tmp" not in (kept / f"{name}.files").read_text()
    first, second = [(kept / f"{name}.jsonl").read_bytes() for name in ("first", "second")]
    assert 0 < len(first) < len(second) and second.startswith(first), "it resumed after the finished answers"
    for line in first.splitlines():
        json.loads(line)
    assert (kept / "third.code").read_text() == "0\n"
    assert final_bytes(kept / "out") == final_bytes(calm)


def peak_memory(command):
    """In bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, errors
    return usage.ru_maxrss * 1024


def test_answers_do_not_stay_in_memory(synthesize, tmp_path):
    """Writing the final files of 150 MB of answers takes no more memory than without answers."""
    out = tmp_path / "out"
    synthesize(out, limit=1)
    small = peak_memory([synthesize.retmask.binary, *synthesize.arguments(out, limit=1)])
    size = 0
    with (out / "answers.jsonl").open("a") as journal:
        for prompt in range(10):
            for policy in ("chosen", "rejected"):
                for sample in range(250):
                    text = f"{prompt} {policy} {sample} " + "and so it goes on " * 1700
                    row = {"id": f"p{prompt}", "policy": policy, "sample": sample, "text": text, "tokens": 1800}
                    size += journal.write(json.dumps(row | {"finish_reason": "stop", "mean_logprob": -1.0}) + "\n")
    assert size > 150e6
    large = peak_memory([synthesize.retmask.binary, *synthesize.arguments(out, samples=250)])
    assert large - small < 80e6, f"{small / 1e6:.0f} MB with few answers, {large / 1e6:.0f} MB with many"
    assert sum(1 for _ in (out / "pairs.jsonl").open()) == 2500
    assert FINAL_FILES[0] in os.listdir(out)
