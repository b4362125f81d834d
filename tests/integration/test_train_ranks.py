"""train-dpo with several ranks: equal to one rank in every ZeRO stage, under kills, hangs and full disks."""

import contextlib
import json
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from conftest import ROOT

PAIRS = ROOT / "tests/golden/pairs32.jsonl"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def command_of(retmask, model, out, *more, steps=6):
    """Eight pairs per step in float32, with a high learning rate so that differences would grow. `more` flags come first."""
    arguments = [
        "--model", model, "--pairs", PAIRS, "--out", out, "--max-steps", steps, "--global-batch-size", 8,
        "--learning-rate", 1e-3, "--min-learning-rate", 1e-4, "--save-every", 0, "--dtype", "float32",
        "--device", "cpu", "--threads", 1, *more,
    ]  # fmt: skip
    flags = {}
    for argument in map(str, arguments):
        if argument.startswith("--"):
            flags[argument] = flag = []
        else:
            flag[:] = [argument]
    return [str(retmask.binary), "train-dpo", *(word for name, values in flags.items() for word in (name, *values))]


def train(*arguments, code=0, **options):
    done = subprocess.run(
        command_of(*arguments, **options), env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stderr
    return done


def children_of(process):
    return [int(child) for child in subprocess.run(["pgrep", "-P", str(process)], stdout=subprocess.PIPE, text=True).stdout.split()]


def is_alive(process):
    with contextlib.suppress(FileNotFoundError):
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def count_lines(path):
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes().count(b"\n")
    return 0


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def assert_equal_runs(out, reference, untrained):
    """Losses agree to 1e-5, weights to less than 1 % of the change by training."""
    ours, theirs = (read_lines(folder / "metrics.jsonl") for folder in (out, reference))
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-5), mine["step"]
        assert mine["tokens"] == other["tokens"] and mine["lr"] == other["lr"]
        assert mine["margin"] == pytest.approx(other["margin"], rel=1e-3, abs=1e-5)
        assert mine["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-4)
    weights = [load_file(folder / "model.safetensors") for folder in (out, reference, untrained)]
    difference = update = 0.0
    for name, expected in weights[1].items():
        difference += (weights[0][name] - expected).double().square().sum().item()
        update += (weights[2][name] - expected).double().square().sum().item()
    assert update > 0
    assert math.sqrt(difference / update) < 0.01


@pytest.fixture(scope="module")
def one_rank(retmask, tiny_llama, tmp_path_factory):
    """The reference run: one rank, no sharding, each batch as one micro-batch."""
    out = tmp_path_factory.mktemp("one") / "out"
    train(retmask, tiny_llama, out, "--zero-stage", 0, "--micro-batch-tokens", 100000)
    return out


# A batch of eight pairs has about 750 tokens: about 1, 2 and 4 micro-batches on each rank.
@pytest.mark.parametrize("passes", [1, 2, 4])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks_and_stages_equal_one_rank(retmask, tiny_llama, tmp_path, one_rank, ranks, stage, passes):
    tokens = {1: 100000, 2: 1000 // (2 * ranks), 4: 1000 // (4 * ranks)}[passes]
    train(retmask, tiny_llama, tmp_path / "out", "--nproc", ranks, "--zero-stage", stage, "--micro-batch-tokens", tokens)
    assert_equal_runs(tmp_path / "out", one_rank, tiny_llama)


def test_every_family_in_slices(retmask, tiny_model, tmp_path):
    """Tied weights, norms of all kinds, activation checkpointing; stage 3 against one rank."""
    train(retmask, tiny_model, tmp_path / "one", "--zero-stage", 0, steps=3)
    train(retmask, tiny_model, tmp_path / "three", "--nproc", 2, "--zero-stage", 3, "--micro-batch-tokens", 250, steps=3)
    assert_equal_runs(tmp_path / "three", tmp_path / "one", tiny_model)


def losses_in_bfloat16(retmask, model, out, stage):
    train(retmask, model, out, "--nproc", 2, "--zero-stage", stage, "--dtype", "bfloat16", "--activation-checkpointing", "full",
          steps=4)  # fmt: skip
    return [row["loss"] for row in read_lines(out / "metrics.jsonl")]


@pytest.fixture(scope="module")
def stage_0_in_bfloat16(retmask, tiny_llama, tmp_path_factory):
    return losses_in_bfloat16(retmask, tiny_llama, tmp_path_factory.mktemp("whole") / "out", 0)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_stages_in_bfloat16_equal_stage_0(retmask, tiny_llama, tmp_path, stage_0_in_bfloat16, stage):
    """Compute in bfloat16, weights in float32: the same arithmetic for any sharding."""
    losses = losses_in_bfloat16(retmask, tiny_llama, tmp_path / "out", stage)
    assert losses == pytest.approx(stage_0_in_bfloat16, rel=1e-3)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """Seven pairs, about 650 tokens."""
    path = tmp_path_factory.mktemp("held-out") / "pairs.jsonl"
    path.write_text("".join(PAIRS.read_text().splitlines(keepends=True)[:7]))
    return path


@pytest.fixture(scope="module")
def held_out_by_one(retmask, tiny_llama, held_out, tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "out"
    train(retmask, tiny_llama, out, "--eval-pairs", held_out, "--eval-every", 1, "--zero-stage", 0, steps=2)
    return read_lines(out / "eval_metrics.jsonl")


# All rows in one micro-batch, with two of three ranks idle; more micro-batches than ranks, the last round incomplete.
@pytest.mark.parametrize("ranks, tokens", [(3, 100000), (2, 300)])
@pytest.mark.parametrize("stage", [1, 3])
def test_held_out_rows_by_several_ranks(retmask, tiny_llama, tmp_path, held_out, held_out_by_one, ranks, tokens, stage):
    more = ["--nproc", ranks, "--zero-stage", stage, "--micro-batch-tokens", tokens]
    train(retmask, tiny_llama, tmp_path / "out", "--eval-pairs", held_out, "--eval-every", 1, *more, steps=2)
    ours = read_lines(tmp_path / "out/eval_metrics.jsonl")
    assert [row["step"] for row in ours] == [0, 1, 2]
    for row, expected in zip(ours, held_out_by_one):
        assert row["rows"] == 7 and row["tokens"] == expected["tokens"]
        assert row.keys() == expected.keys()
        for key, value in expected.items():
            assert row[key] == pytest.approx(value, rel=1e-4, abs=1e-5), (row["step"], key)


def start(command, **environment):
    return subprocess.Popen(
        command, env={**ENVIRONMENT, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def same_bits(first, second):
    files = [(folder / "model.safetensors").read_bytes() for folder in (first, second)]
    rows = [read_lines(folder / "metrics.jsonl") for folder in (first, second)]
    for row in rows[0] + rows[1]:
        for key in ("tokens_per_second", "model_flops_utilization", "memory_bytes"):
            row.pop(key, None)
    return files[0] == files[1] and rows[0] == rows[1]


@pytest.mark.slow
def test_twenty_kills_end_bit_identical(retmask, tiny_llama, tmp_path):
    """Kills a 30-step run of two ranks: the whole job or one rank, at any time after the first step."""
    more = ["--nproc", 2, "--save-every", 2, "--micro-batch-tokens", 300]
    train(retmask, tiny_llama, tmp_path / "undisturbed", *more, steps=30)
    draw = random.Random(20)
    kills = runs = 0
    while kills < 20:
        out = tmp_path / f"killed-{runs}"
        command = command_of(retmask, tiny_llama, out, *more, steps=30)
        runs += 1
        while kills < 20:
            metrics = out / "metrics.jsonl"
            wait_for = count_lines(metrics) + draw.randint(1, 8)
            with start(command) as job:
                while job.poll() is None and count_lines(metrics) < wait_for:
                    time.sleep(0.002)
                time.sleep(draw.uniform(0, 0.03))
                ranks = children_of(job.pid)
                if job.poll() is not None or len(ranks) < 2:
                    break  # it was done
                os.kill(draw.choice([job.pid, *ranks]), signal.SIGKILL)
                job.wait(timeout=60)
                wait_until(lambda: not any(map(is_alive, ranks)))
                kills += 1
        train(retmask, tiny_llama, out, *more, steps=30)
        assert same_bits(out, tmp_path / "undisturbed"), out
    assert runs >= 2


@pytest.mark.parametrize("stage", [1, 3])
def test_a_signal_stops_all_ranks_with_the_state_saved(retmask, tiny_llama, tmp_path, stage):
    more = ["--nproc", 2, "--zero-stage", stage, "--micro-batch-tokens", 300]
    train(retmask, tiny_llama, tmp_path / "undisturbed", *more, steps=30)
    out = tmp_path / "stopped"
    with start(command_of(retmask, tiny_llama, out, *more, "--quiet", steps=30)) as job:
        wait_until(lambda: count_lines(out / "metrics.jsonl") > 2)
        job.terminate()
        _, error = job.communicate(timeout=60)
    assert job.returncode == 75
    assert "stopped by " in error and "the state is saved" in error
    assert error.count("\n") == 1, error
    assert [path.name for path in (out / "checkpoints").iterdir()] == [f"step-{count_lines(out / 'metrics.jsonl')}"]
    train(retmask, tiny_llama, out, *more, steps=30)
    assert same_bits(out, tmp_path / "undisturbed")


@pytest.mark.parametrize("ranks, stage", [(1, 0), (4, 1), (3, 3)])
def test_another_number_of_ranks_goes_on(retmask, tiny_llama, tmp_path, one_rank, ranks, stage):
    out = tmp_path / "out"
    saving = ["--micro-batch-tokens", 300, "--save-every", 1]
    with start(command_of(retmask, tiny_llama, out, *saving, "--nproc", 2, "--zero-stage", 2)) as job:
        wait_until(lambda: (out / "checkpoints/step-3").exists())
        job.kill()
    done = train(retmask, tiny_llama, out, *saving, "--nproc", ranks, "--zero-stage", stage)
    assert "resuming after step" in done.stderr
    assert_equal_runs(out, one_rank, tiny_llama)


def test_a_killed_rank_ends_the_job_and_is_named(retmask, tiny_llama, tmp_path):
    with start(command_of(retmask, tiny_llama, tmp_path / "out", "--nproc", 3, "--quiet", steps=2000)) as job:
        wait_until(lambda: count_lines(tmp_path / "out/metrics.jsonl") > 2)
        ranks = children_of(job.pid)
        os.kill(ranks[1], signal.SIGKILL)
        begin = time.monotonic()
        _, error = job.communicate(timeout=60)
        assert time.monotonic() - begin < 30
    assert job.returncode == 1
    assert f"rank 1 (process {ranks[1]}) was ended by signal 9" in error
    assert error.count("\n") == 1, error
    assert not any(map(is_alive, ranks))


@pytest.mark.parametrize("stopped", [0, 1])
def test_a_hanging_rank_ends_the_job_and_is_named(retmask, tiny_llama, tmp_path, stopped):
    more = ["--nproc", 3, "--quiet", "--watchdog-seconds", 3]
    with start(command_of(retmask, tiny_llama, tmp_path / "out", *more, steps=2000)) as job:
        wait_until(lambda: count_lines(tmp_path / "out/metrics.jsonl") > 2)
        ranks = children_of(job.pid)
        os.kill(ranks[stopped], signal.SIGSTOP)
        _, error = job.communicate(timeout=60)
    assert job.returncode == 1
    assert f"rank {stopped} on {socket.gethostname()} (last at step " in error
    assert "no heartbeat for 3 s" in error
    assert error.count("\n") == 1, error
    assert not any(map(is_alive, ranks))


def test_ranks_die_with_the_process_that_started_them(retmask, tiny_llama, tmp_path):
    with start(command_of(retmask, tiny_llama, tmp_path / "out", "--nproc", 2, steps=2000)) as job:
        wait_until(lambda: count_lines(tmp_path / "out/metrics.jsonl") > 0)
        ranks = children_of(job.pid)
        assert len(ranks) == 2
        job.kill()
    wait_until(lambda: not any(map(is_alive, ranks)), seconds=10)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_by_hand(command, ranks):
    """As torchrun does."""
    port = str(free_port())
    return [
        start(command, RANK=str(r), LOCAL_RANK=str(r), WORLD_SIZE=str(ranks), MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
        for r in range(ranks)
    ]


@pytest.mark.parametrize(
    "arguments, environment, code, said",
    [
        (["--device", "cuda"], {}, 2, "cuda"),
        ([], {"GLOO_SOCKET_IFNAME": "no-such-network"}, 1, "no-such-network"),
    ],
)
def test_an_error_of_one_rank_before_they_are_connected(retmask, tiny_llama, tmp_path, arguments, environment, code, said):
    """It reports the error; the other rank ends at once without a message."""
    if said == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    out, port = tmp_path / "out", str(free_port())
    begun = time.monotonic()
    jobs = [
        start(command_of(retmask, tiny_llama, out, *(arguments if r == 1 else [])), RANK=str(r), LOCAL_RANK=str(r),
              WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port, **(environment if r == 1 else {}))
        for r in range(2)
    ]  # fmt: skip
    errors = [job.communicate(timeout=60)[1] for job in jobs]
    assert time.monotonic() - begun < 30
    assert jobs[1].returncode == code and said in errors[1], errors
    assert jobs[0].returncode != 0
    assert "".join(errors).count("retmask: error:") == 1, errors


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_without_memory_ends_the_others_with_one_line(retmask, tiny_llama, tmp_path, victim):
    """Neither a user error nor a lost rank: an exception from libtorch or the C++ library."""
    jobs = start_by_hand(command_of(retmask, tiny_llama, tmp_path / "out", "--quiet", steps=4000), 2)
    wait_until(lambda: count_lines(tmp_path / "out/metrics.jsonl") > 2)
    resource.prlimit(jobs[victim].pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
    errors = [job.communicate(timeout=25)[1] for job in jobs]
    assert jobs[victim].returncode == 1 and "memory" in errors[victim], errors
    assert jobs[1 - victim].returncode != 0 and errors[1 - victim] == "", errors


def test_a_lone_rank_says_for_whom_it_waits(retmask, tiny_llama, tmp_path):
    environment = dict(RANK="0", LOCAL_RANK="0", WORLD_SIZE="3", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free_port()))
    job = start(command_of(retmask, tiny_llama, tmp_path / "out", "--quiet"), **environment)
    begun = time.monotonic()
    line = job.stderr.readline()
    assert time.monotonic() - begun < 10
    assert "rank 0 of 3 waits for the ranks 1, 2" in line and "env -u RANK" in line, line
    job.send_signal(signal.SIGUSR1)
    assert "stopped by SIGUSR1" in job.communicate(timeout=10)[1]
    assert job.returncode == 75


def test_ranks_of_another_launcher(retmask, tiny_llama, tmp_path):
    train(retmask, tiny_llama, tmp_path / "nproc", "--nproc", 2)
    jobs = start_by_hand(command_of(retmask, tiny_llama, tmp_path / "torchrun"), 2)
    errors = [job.communicate(timeout=120)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], errors
    assert same_bits(tmp_path / "torchrun", tmp_path / "nproc")


@pytest.mark.parametrize("killed, reporter", [(0, 1), (1, 0)])
def test_of_another_launcher_a_killed_rank_is_named_once(retmask, tiny_llama, tmp_path, killed, reporter):
    command = command_of(retmask, tiny_llama, tmp_path / "out", "--quiet", "--watchdog-seconds", 3, steps=2000)
    jobs = start_by_hand(command, 2)
    wait_until(lambda: count_lines(tmp_path / "out/metrics.jsonl") > 2)
    jobs[killed].kill()
    errors = [job.communicate(timeout=60)[1] for job in jobs]
    assert jobs[reporter].returncode == 1
    assert f"rank {killed} on " in errors[reporter]
    assert errors[reporter].count("\n") == 1, errors


def test_an_error_of_all_ranks_is_one_line(retmask, tiny_llama, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"prompt": "a"\n')
    done = train(retmask, tiny_llama, tmp_path / "out", "--nproc", 3, "--quiet", "--pairs", pairs, code=2)
    assert "pairs.jsonl:1" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_one_line(retmask, tiny_llama, tmp_path):
    done = train(retmask, tiny_llama, tmp_path / "out", "--nproc", 2, "--device", "cuda", code=2)
    assert "--device cpu" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_an_error_of_one_rank_is_one_line(retmask, tiny_llama, tmp_path):
    """Three steps at the highest possible learning rate; the rank with the bad row names it."""
    more = ["--nproc", 2, "--quiet", "--learning-rate", "1e30", "--warmup-ratio", 0]
    done = train(retmask, tiny_llama, tmp_path / "out", *more, code=2)
    assert "is not finite" in done.stderr and "pairs32.jsonl:" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "out/model.safetensors").exists()


@pytest.mark.parametrize("ranks, stage", [(1, 0), (2, 1), (2, 2), (3, 3)])
def test_a_gradient_that_is_not_finite_names_its_row(retmask, tmp_path, ranks, stage):
    """An embedding so large that the first norm makes it 0 and the backward pass overflows; the loss stays finite."""
    model = shutil.copytree(ROOT / "tests/golden/tiny/qwen3", tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    letter = Tokenizer.from_file(str(model / "tokenizer.json")).encode("~", add_special_tokens=False).ids[-1]
    weights["model.embed_tokens.weight"][letter] = 3e38
    save_file(weights, model / "model.safetensors")
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"say {i}", "chosen": "yes" + " yes" * i, "rejected": "no"} for i in range(8)]
    rows[5]["chosen"] = "yes ~ yes"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = ["--nproc", ranks, "--zero-stage", stage, "--quiet", "--pairs", pairs, "--beta", 1e3]
    done = train(retmask, model, tmp_path / "out", *more, code=2)
    assert "the gradient of " in done.stderr and "pairs.jsonl:6 is not finite" in done.stderr, done.stderr
    assert "pairs.jsonl:5" not in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "out/model.safetensors").exists()


@pytest.mark.parametrize("stage", [1, 3])
def test_full_disk_keeps_the_last_state(retmask, tiny_llama, tmp_path, stage):
    """A file-size limit simulates a full disk: logs fit, a rank's part of a state does not."""
    out = tmp_path / "out"
    more = ["--nproc", 2, "--zero-stage", stage, "--save-every", 2]
    train(retmask, tiny_llama, out, *more, steps=4)
    (out / "training.json").unlink()
    (out / "model.safetensors").unlink()
    kept = list((out / "checkpoints").iterdir())
    assert [path.name for path in kept] == ["step-2"]
    size = (kept[0] / "rank-0.safetensors").stat().st_size
    limit = f"trap '' XFSZ; ulimit -f {size // 2048}; exec \"$0\" \"$@\""
    command = command_of(retmask, tiny_llama, out, *more, "--save-every", 1, "--quiet", steps=4)
    done = subprocess.run(["bash", "-c", limit, *command], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "rank-" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-2"]
    assert "resuming after step 2" in train(retmask, tiny_llama, out, *more, steps=4).stderr


@pytest.mark.parametrize(
    "arguments, environment, expected",
    [
        (["--nproc", 0], {}, "--nproc is 0"),
        (["--zero-stage", 4], {}, "--zero-stage"),
        (["--watchdog-seconds", 0], {}, "--watchdog-seconds"),
        (["--nproc", 2], {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost",
                          "MASTER_PORT": "29999"}, "inside a job of 2 ranks"),
        ([], {"RANK": "0", "WORLD_SIZE": "2"}, "LOCAL_RANK is missing"),
    ],
)  # fmt: skip
def test_bad_placement_is_one_line_and_code_2(retmask, tiny_llama, tmp_path, arguments, environment, expected):
    command = command_of(retmask, tiny_llama, tmp_path / "out", *arguments)
    done = subprocess.run(command, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert expected in done.stderr and done.stderr.count("\n") == 1
