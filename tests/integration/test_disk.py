"""Order of writes and syncs, and behaviour on a full disk. See tests/tools/call_log.cpp."""

import os
import shutil

import pytest

from conftest import ROOT
from helpers import run_record

PAIRS = ROOT / "tests/golden/pairs32.jsonl"
CPU = ["--device", "cpu", "--dtype", "float32", "--threads", 1, "--quiet"]


@pytest.fixture
def call_log(retmask):
    library = retmask.binary.parent / "tests/call_log.so"
    if not library.exists():
        pytest.fail(f"{library} is not built; run scripts/build.sh")
    if retmask.binary.parent.name == "asan":
        pytest.skip("the sanitizers must be the first library")
    return library


def training(model, out):
    return ["train-dpo", "--model", model, "--pairs", PAIRS, "--max-steps", 4, "--global-batch-size", 4, "--save-every", 2,
            "--keep-last", 1, *CPU, "--out", out]  # fmt: skip


def is_temporary(name):
    return ".tmp" in name


def test_files_journals_and_states_are_synced_before_they_count(retmask, tiny_llama, tmp_path, call_log):
    """A power loss at any time leaves the old file or the new one: each file is synced after its last byte and before the
    rename to its final name, the folder after it. A journal row is synced before the next one."""
    out, log = tmp_path / "out", tmp_path / "calls"
    environment = dict(LD_PRELOAD=str(call_log), CALL_LOG=str(log), CALL_LOG_FOLDER=str(out))
    retmask(*training(tiny_llama, out), env={**os.environ, **environment})
    calls = [line.split() for line in log.read_text().splitlines()]

    dirty, renamed, unsynced_folders = set(), [], set()
    for call, *names in calls:
        if call == "create":
            if not is_temporary(names[0]) and not names[0].startswith(".writable"):
                unsynced_folders.add(os.path.dirname(names[0]) or ".")
        elif call == "write":
            assert is_temporary(names[0]) or "." not in unsynced_folders, f"{names[0]} has no name on the disk yet"
            dirty.add(names[0])
            if not is_temporary(names[0]):  # a journal: one row, then a sync
                assert names[0].endswith(".jsonl"), f"{names[0]} is written in place"
        elif call == "fsync":
            dirty.discard(names[0])
            unsynced_folders.discard(names[0])
        else:
            old, new = names
            assert not any(name == old or name.startswith(old + "/") for name in dirty), f"{old} is renamed unsynced"
            assert old not in unsynced_folders, f"the folder {old} is renamed unsynced"
            renamed.append(new)
            if not is_temporary(new):
                unsynced_folders.add(os.path.dirname(new) or ".")
    assert not dirty and not unsynced_folders

    for name in ["run.json", "training.json", "checkpoints/step-2", "model.safetensors", "config.json"]:
        assert name in renamed, name
    assert "checkpoints/step-2.tmp/state.json" in renamed
    assert renamed.index("checkpoints/step-2.tmp/state.json") < renamed.index("checkpoints/step-2")
    assert renamed.index("model.safetensors") < renamed.index("config.json"), "what loads comes last"
    for journal, rows in [("metrics.jsonl", 4), ("reference_logprobs.jsonl", 1)]:
        mine = [call for call, *names in calls if names == [journal]]
        assert mine.count("write") >= rows
        assert all(mine[i + 1] == "fsync" for i, call in enumerate(mine) if call == "write"), (journal, mine)
    assert ["create", "metrics.jsonl"] in calls


def test_a_full_disk_is_nobodys_mistake(retmask, tiny_llama, tmp_path, call_log):
    """Exit code 1 and one line, wherever the disk fills up; the same command resumes once there is space."""
    texts, prompts = tmp_path / "texts.jsonl", tmp_path / "prompts.jsonl"
    texts.write_text('{"text": "one two"}\n' * 3)
    prompts.write_text('{"prompt": "Hello."}\n')
    mask = tmp_path / "mask.json"
    mask.write_text('{"heads": [[0, 0]]}')
    grid = ["--lengths", 128, "--depths", 1, "--max-new-tokens", 2]
    commands = {
        "detect": ["detect", "--model", tiny_llama, *grid, *CPU],
        "eval": ["eval", "--model", tiny_llama, "--suite", "logprob", "--data", texts, *CPU],
        "mask": ["mask", "--model", tiny_llama, "--heads", "0-0", "--quiet"],
        "synthesize": ["synthesize", "--model", tiny_llama, "--mask", mask, "--prompts", prompts, "--max-new-tokens", 2, *CPU],
        "train": training(tiny_llama, "")[:-2],
    }
    for name, command in commands.items():
        out, log = tmp_path / name, tmp_path / f"{name}.calls"
        environment = dict(LD_PRELOAD=str(call_log), CALL_LOG=str(log), CALL_LOG_FOLDER=str(out))
        retmask(*command, "--out", out, env={**os.environ, **environment})
        used = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        for room in (2000, used // 2):
            shutil.rmtree(out, ignore_errors=True)  # a run that writes nothing leaves no folder
            done = retmask(*command, "--out", out, code=1, env={**os.environ, **environment, "CALL_LOG_BYTES": str(room)})
            lines = [line for line in done.stderr.splitlines() if line.startswith("retmask: error: ")]
            assert len(lines) == 1 and "No space left on device" in lines[0], (name, room, done.stderr)
            assert not [path for path in out.rglob("*.tmp*") if path.is_file()], (name, room)
        retmask(*command, "--out", out)
        assert run_record(out)["status"] == "done"
    run = tmp_path / "report"
    environment = dict(LD_PRELOAD=str(call_log), CALL_LOG_FOLDER=str(run), CALL_LOG_BYTES="3000")
    done = retmask("report", "--runs", tmp_path / "detect", "--out", run, code=1, env={**os.environ, **environment})
    assert str(tmp_path / "report") in done.stderr and "No space left on device" in done.stderr
