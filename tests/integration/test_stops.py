"""SIGTERM, SIGINT and SIGUSR1 end every command with code 75; the same command then resumes."""

import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import pytest

from conftest import ROOT
from helpers import count_lines, run_record, wait_for, write_rows

PAIRS = ROOT / "tests/golden/pairs32.jsonl"
CPU = ["--device", "cpu", "--dtype", "float32", "--threads", 1]


def stop_when(retmask, out, arguments, is_time, number=signal.SIGTERM, seconds=10, **environment):
    """Sends the signal once `is_time` returns true; returns stderr."""
    command = [str(retmask.binary), *map(str, arguments), "--out", str(out)]
    job = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    wait_for(is_time, job, seconds=60)
    job.send_signal(number)
    asked = time.monotonic()
    error = job.communicate(timeout=60)[1]
    assert job.returncode == 75, error
    assert time.monotonic() - asked < seconds
    assert f"stopped by {number.name}" in error or "stopped by a signal" in error, error
    if (out / "run.json").exists():
        assert run_record(out)["status"] == "stopped"
    return error


def is_running(out):
    def look():
        with contextlib.suppress(FileNotFoundError):
            return run_record(out)["status"] == "running"
        return False

    return look


def test_detect_and_both_suites_keep_their_rows(retmask, tiny_llama, tmp_path):
    texts = tmp_path / "texts.jsonl"
    write_rows(texts, [{"text": f"number {i} " * 150} for i in range(60)])
    grid = ["--lengths", "1000", "--depths", 8, "--max-new-tokens", 20, "--batch-size", 1]
    logprob = ["eval", "--suite", "logprob", "--data", texts, "--batch-tokens", 1]
    for name, command, rows, number in [
        ("detect", ["detect", *grid], "samples.jsonl", signal.SIGTERM),
        ("niah", ["eval", "--suite", "niah", *grid], "predictions.jsonl", signal.SIGUSR1),
        ("logprob", logprob, "predictions.jsonl", signal.SIGINT),
    ]:
        command = [*command, "--model", tiny_llama, *CPU, "--quiet"]
        out, calm = tmp_path / name, tmp_path / f"{name}-calm"
        stop_when(retmask, out, command, lambda: count_lines(out / rows) > 2, number)
        kept = (out / rows).read_bytes()
        retmask(*command, "--out", calm)
        assert 2 < kept.count(b"\n") < count_lines(calm / rows)
        retmask(*command, "--out", out)
        assert (out / rows).read_bytes() == (calm / rows).read_bytes()
        # Samples are answered in the order of their prompts, and rewritten in that of the grid.
        assert set(kept.splitlines()) <= set((out / rows).read_bytes().splitlines())


def test_in_the_middle_of_a_long_answer(retmask, tiny_llama, tmp_path):
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "out"
    prompts.write_text('{"prompt": "Tell me everything."}\n')
    mask = tmp_path / "mask.json"
    mask.write_text('{"heads": [[0, 0]]}')
    command = ["synthesize", "--model", tiny_llama, "--mask", mask, "--prompts", prompts, *CPU, "--quiet"]
    command += ["--max-new-tokens", 1900, "--temperature", 1]
    stop_when(retmask, out, command, lambda: (out / "answers.jsonl").exists(), seconds=2)
    assert count_lines(out / "answers.jsonl") == 0


def test_mask(retmask, demo_model, tmp_path):
    out = tmp_path / "out"
    command = ["mask", "--model", demo_model, "--heads", "18-6"]
    begun = lambda: any(file.stat().st_size > 1e6 for file in out.glob(".checkpoint.tmp/model*"))  # noqa: E731
    stop_when(retmask, out, command, begun)
    assert [path.name for path in out.iterdir()] == ["run.json"]


def test_report(retmask, tiny_llama, tmp_path):
    run = tmp_path / "run"
    retmask("train-dpo", "--model", tiny_llama, "--pairs", PAIRS, *CPU, "--max-steps", 1, "--out", run)
    row = (run / "metrics.jsonl").read_text()
    (run / "metrics.jsonl").write_text(row * 200000)
    out = tmp_path / "out"
    stop_when(retmask, out, ["report", "--runs", run], is_running(out))
    assert not (out / "report.html").exists()


def test_training_before_its_first_step(retmask, tiny_llama, tmp_path):
    """While inputs are hashed and weights are read; with one rank, and with two that have just been started."""
    command = ["train-dpo", "--model", tiny_llama, "--pairs", PAIRS, *CPU, "--max-steps", 3, "--quiet"]
    out = tmp_path / "one"
    stop_when(retmask, out, command, is_running(out), signal.SIGUSR1)
    retmask(*command, "--out", out)

    out = tmp_path / "two"
    copies = []
    command = [str(retmask.binary), *map(str, command), "--nproc", "2", "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as job:
        while len(copies) < 2:
            copies = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True).stdout.split()
        job.terminate()
        error = job.communicate(timeout=60)[1]
    assert job.returncode == 75, error
    assert error.count("\n") == 1 and "stopped by " in error, error


@contextlib.contextmanager
def full_server():
    """Its queue is full, so that no client can connect."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        yield server.getsockname()[1]


@contextlib.contextmanager
def busy_server():
    """Asks every client to retry in five minutes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@contextlib.contextmanager
def mute_server():
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("server", [mute_server, full_server, busy_server])
def test_while_a_server_is_waited_for(retmask, tmp_path, server):
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "out"
    prompts.write_text('{"prompt": "a"}\n{"prompt": "b"}\n')
    with server() as port:
        url = f"http://127.0.0.1:{port}/v1"
        command = ["synthesize", "--prompts", prompts, "--quiet"]
        command += ["--endpoint", url, "--endpoint-model", "m", "--rejected-endpoint", url, "--rejected-endpoint-model", "n"]
        begun = time.monotonic()
        ready = lambda: (out / "answers.jsonl").exists() and time.monotonic() - begun > 2  # noqa: E731
        stop_when(retmask, out, command, ready, seconds=2)


def test_a_pipe_that_says_nothing(retmask, tiny_llama, tmp_path):
    """Rows come from standard input with a slow writer."""
    reading, writing = os.pipe()
    os.write(writing, b'{"text": "one"}\n')
    command = [retmask.binary, "eval", "--model", tiny_llama, "--suite", "logprob", "--data", "-", "--out", tmp_path / "out"]
    with subprocess.Popen([*map(str, command)], stdin=reading, stderr=subprocess.PIPE, text=True) as job:
        while struct.unpack("i", fcntl.ioctl(reading, termios.FIONREAD, b"1234"))[0] > 0:
            time.sleep(0.002)
        job.send_signal(signal.SIGTERM)
        error = job.communicate(timeout=60)[1]
    os.close(writing)
    os.close(reading)
    assert job.returncode == 75 and "stopped by SIGTERM" in error, error
