"""detect and eval in parts: --shard, SLURM's variables, --workers and --merge write what a single run writes, byte for byte."""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from helpers import count_lines, error_line, expect_one_line, run_record, wait_for, write_rows

CPU = {"--dtype": "float32", "--device": "cpu", "--threads": 2, "--seed": 5}
GRID = {"--lengths": "140,200", "--depths": 3, "--max-new-tokens": 12}
RULER = {"--tasks": "niah_single_1,vt", "--lengths": "900,1200", "--max-samples": 2}

EVAL_FILES = ["predictions.jsonl", "results.json"]
FILES = {
    "detect": ["samples.jsonl", "head_scores.json", "summary.json", "verify.jsonl", "verify.json", "heads.svg", "report.html"],
    **dict.fromkeys(["niah", "ruler", "choice", "logprob"], EVAL_FILES),
}
NAMES = list(FILES)


class Divided:
    """One command, which can run whole or in parts."""

    def __init__(self, retmask, name, flags):
        self.retmask, self.name = retmask, name
        self.arguments = ["detect"] if name == "detect" else ["eval", "--suite", name]
        self.arguments += [str(word) for flag in flags.items() for word in flag]

    def __call__(self, out, *flags, code=0, **environment):
        return self.retmask(*self.arguments, *flags, "--out", out, code=code, env=os.environ | environment)

    def shards(self, out, count, **environment):
        for shard in reversed(range(count)):
            self(out, "--shard", f"{shard}/{count}", **environment)

    def merge(self, out, *flags, code=0):
        """With the parts' flags."""
        return self.retmask(self.arguments[0], "--merge", *flags, "--out", out, code=code)

    def start(self, out, *flags):
        command = [self.retmask.binary, *self.arguments, *map(str, flags), "--out", out]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    @property
    def journal(self):
        return FILES[self.name][0]

    def bytes_of(self, out):
        return {name: (out / name).read_bytes() for name in FILES[self.name]}


def choice_rows():
    rows = []
    for number in range(9):
        context = "The boat left the harbour. " * (1 + number % 3 * 4) + f"Question {number}:"
        for idx in range(3):
            request = {"context": context, "continuation": f" {idx * number} boats"}
            doc = {"choices": ["a", "b", "c"], "gold": number % 3}
            rows.append({"doc": doc, "request": request, "idx": idx, "doc_id": number, "task_name": f"task{number % 2}"})
    return rows


@pytest.fixture(scope="module")
def divided(retmask, tiny_llama, tmp_path_factory):
    """A command by its name, with other values of some flags."""
    folder = tmp_path_factory.mktemp("data")
    requests = write_rows(folder / "requests.jsonl", choice_rows())
    # Two of the rows are the same.
    texts = write_rows(folder / "texts.jsonl", [{"id": i % 6, "text": f"number {i % 6} " * 20} for i in range(7)])
    flags = {
        "detect": GRID | {"--verify": 2, "--verify-samples": 2},
        "niah": GRID,
        "ruler": RULER,
        "choice": {"--data": requests, "--heads": "1-2,3-0"},
        "logprob": {"--data": texts},
    }

    def make(name, **changes):
        changes = {"--" + flag.replace("_", "-"): value for flag, value in changes.items()}
        return Divided(retmask, name, {"--model": tiny_llama} | CPU | flags[name] | changes)

    return make


@pytest.fixture(scope="module")
def singles(divided, tmp_path_factory):
    """The output folder of the single run of a command."""
    outs = {}

    def single(name):
        if name not in outs:
            outs[name] = tmp_path_factory.mktemp(name) / "single"
            divided(name)(outs[name])
        return outs[name]

    return single


@pytest.mark.parametrize(("name", "count"), [("detect", 3), ("niah", 3), ("ruler", 2), ("choice", 2), ("choice", 3), ("logprob", 2)])
def test_shards_make_up_the_single_run(divided, singles, tmp_path, name, count):
    command, single, out = divided(name), singles(name), tmp_path / "out"
    command.shards(out, count)
    rows = []
    for shard in range(count):
        part = out / f"shard-{shard}-of-{count}"
        assert {file.name for file in part.iterdir()} == {"run.json", command.journal}
        record = run_record(part)
        assert record["status"] == "done" and record["options"]["shard"] == f"{shard}/{count}"
        assert count_lines(part / command.journal) > 0
        rows += (part / command.journal).read_bytes().splitlines()
    assert sorted(rows) == sorted((single / command.journal).read_bytes().splitlines())
    merged = command.merge(out)
    assert command.bytes_of(out) == command.bytes_of(single)
    # All rows are there, so that only --verify needs the model.
    assert ("computes on" in merged.stderr) == (name == "detect")
    record, whole = run_record(out), run_record(single)
    assert record["status"] == "done" and record["options"]["merge"] is True
    for key in ("inputs", "input_files", "settled", "device", "compute"):
        assert record[key] == whole[key], key
    assert record["moment"] == run_record(out / f"shard-0-of-{count}")["moment"]
    command(out, "--merge")  # with the flags of the parts repeated
    assert command.bytes_of(out) == command.bytes_of(single)


@pytest.mark.parametrize("name", NAMES)
def test_two_local_workers(divided, singles, tmp_path, name):
    command, out = divided(name), tmp_path / "out"
    done = command(out, "--workers", 2)
    assert command.bytes_of(out) == command.bytes_of(singles(name))
    assert run_record(out)["status"] == "done"
    assert done.stdout.count("part ") == 0 and done.stdout
    for shard in range(2):
        record = run_record(out / f"shard-{shard}-of-2")
        assert record["status"] == "done" and record["threads"] == 1
    command(out, "--workers", 2)
    assert command.bytes_of(out) == command.bytes_of(singles(name))


def worker_of(process, part):
    """Process id of a local worker."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    for child in children.split():
        if f"RETMASK_WORKER={part}".encode() in pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            return int(child)
    raise AssertionError(f"no worker for part {part} among {children}")


@pytest.mark.parametrize("name", ["detect", "ruler"])
def test_a_killed_worker_goes_on(divided, tmp_path, name):
    # So many samples that the worker is still busy when it is killed after its first one.
    longer = {"detect": dict(lengths="1000", depths=20), "ruler": dict(lengths="1000", max_samples=30)}[name]
    command = divided(name, **longer)
    flags = ["--workers", 2, "--batch-size", 1]
    out = tmp_path / "out"
    process = command.start(out, *flags)
    journals = [out / f"shard-{shard}-of-2" / command.journal for shard in range(2)]
    # Not for both journals: this worker may finish before the other has loaded its model.
    wait_for(lambda: count_lines(journals[1]), process)
    os.kill(worker_of(process, "1/2"), signal.SIGKILL)
    errors = process.communicate()[1]
    assert process.returncode == 1
    assert "worker 1 of 2 ended by signal 9" in errors and "run the same command again" in errors
    assert run_record(out)["status"] == "failed" and not (out / FILES[name][1]).exists()
    kept = journals[1].read_bytes().rpartition(b"\n")[0].splitlines()
    command(out, *flags)
    command(tmp_path / "single")
    assert command.bytes_of(out) == command.bytes_of(tmp_path / "single")
    rows = journals[1].read_bytes().splitlines()
    assert 0 < len(kept) < len(rows) and set(kept) <= set(rows)


def test_tasks_of_slurm_are_parts(divided, singles, tmp_path):
    command = divided("choice")
    for task in range(2):
        command(tmp_path, SLURM_STEP_ID="0", SLURM_PROCID=str(task), SLURM_NTASKS="2")
    command.merge(tmp_path)
    assert command.bytes_of(tmp_path) == command.bytes_of(singles("choice"))


def test_more_parts_than_samples(divided, tmp_path):
    needle = {"needle": "The key is red.", "question": "What is the key?", "real_needle": "the key is red"}
    command = divided("niah", needles=write_rows(tmp_path / "needles.jsonl", [needle]), lengths="140", depths=2)
    command(tmp_path / "single")
    command.shards(tmp_path / "out", 5)
    assert count_lines(tmp_path / "out/shard-0-of-5/predictions.jsonl") == 0
    command.merge(tmp_path / "out")
    assert command.bytes_of(tmp_path / "out") == command.bytes_of(tmp_path / "single")


def test_a_sample_that_is_too_long_is_an_error_of_the_merged_run(divided, tmp_path):
    command = divided("choice", max_position=60)
    failed = command(tmp_path / "single", code=1)
    assert "questions are longer" in failed.stderr
    command.shards(tmp_path / "out", 2)
    failed = command.merge(tmp_path / "out", code=1)
    assert "questions are longer" in failed.stderr
    assert command.bytes_of(tmp_path / "out") == command.bytes_of(tmp_path / "single")


@pytest.fixture
def parts(divided, tmp_path):
    command = divided("choice")
    command.shards(tmp_path / "parts", 3)
    return command, tmp_path / "parts"


def test_parts_that_do_not_fit_are_refused(parts, divided, tmp_path):
    command, out = parts

    def expect(*said, flags=()):
        error_line(command.merge(out, *flags, code=2), said)

    part = [out / f"shard-{shard}-of-3" for shard in range(3)]
    journals = [dir / command.journal for dir in part]
    whole = journals[1].read_bytes()
    rows = whole.splitlines(keepends=True)
    journals[1].write_bytes(b"".join(rows[:-1]))
    expect("shard-1-of-3", f"{len(rows) - 1} of its {len(rows)} samples", "--shard 1/3")
    journals[1].write_bytes(b"".join([*rows[:-1], journals[0].read_bytes().splitlines(keepends=True)[0]]))
    expect(command.journal, "another run")
    journals[1].write_bytes(whole)

    shutil.move(part[2], tmp_path / "aside")
    expect("part 2/3 is missing", "--shard 2/3")
    shutil.copytree(part[0], part[2])
    expect("shard-2-of-3", "holds part 0/3", "--shard 2/3")
    shutil.rmtree(part[2])
    divided("choice", heads="1-2")(out, "--shard", "2/3")
    expect("flag heads", "shard-0-of-3", "shard-2-of-3")
    shutil.rmtree(part[2])
    shutil.move(tmp_path / "aside", part[2])
    expect("--heads is", "shard-0-of-3", flags=["--heads", "0-0"])
    expect("--merge", "--shard", flags=["--shard", "0/3"])
    command.merge(out)


def test_changed_files_are_refused(parts, tmp_path):
    command, out = parts
    data = pathlib.Path(run_record(out / "shard-0-of-3")["options"]["data"])
    before = data.read_text()
    try:
        data.write_text(before + "\n")
        error_line(command.merge(out, code=2), ["--merge", "input data has changed"])
    finally:
        data.write_text(before)


def test_folders_and_flags_that_contradict_each_other(parts, divided, singles, tmp_path):
    command, out = parts
    error_line(command(out, code=2), ["parts of 3", "--shard i/3", "--merge"])
    error_line(command(out, "--shard", "0/2", code=2), ["parts of 3", "part 0/2"])
    error_line(command(singles("choice"), "--shard", "0/2", code=2), ["single worker", "--out"])
    error_line(command(tmp_path / "new", "--shard", "3/3", code=2), ["--shard 3/3", "0/n"])
    error_line(command(tmp_path / "new", "--shard", "0/2", "--workers", 2, code=2), ["--workers 2", "--shard"])
    error_line(command.merge(tmp_path / "none", code=2), ["none", "no parts"])
    for name in ["choice", "detect"]:
        error_line(command.retmask(divided(name).arguments[0], "--merge", "--out", singles(name), code=2), ["no parts"])
    for flags in (["--shard", "0/2"], ["--workers", 2]):
        failed = divided("detect")(tmp_path / "new", "--until-stable", *flags, code=2)
        error_line(failed, ["--until-stable", "no parts", "--shard"])
    error_line(command.retmask("eval", "--suite", "choice", "--rescore", out, "--workers", 2, "--out", tmp_path / "new", code=2),
               ["--workers"])  # fmt: skip
    assert not (tmp_path / "new").exists()


def test_a_mistake_is_said_once(divided, tmp_path):
    failed = divided("detect", depths=0)(tmp_path / "out", "--workers", 3, code=2)
    expect_one_line(failed, ["--depths"])
