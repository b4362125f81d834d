"""retmask synthesize: planned memory equals peak memory."""

import json
import subprocess
import threading
import time

import pytest

from conftest import ROOT
from helpers import expect_one_line, read_rows, run_record, write_rows
from synthesize_runs import Synthesize
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures

MIB = 2**20


def most_resident(process, seen):
    """VmHWM of the process in bytes, polled until it ends."""
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                lines = dict(line.split(":", 1) for line in status)
            seen.append(int(lines["VmHWM"].split()[0]) * 1024)
        except (OSError, KeyError):
            pass
        time.sleep(0.02)


def run(synthesize, out, **flags):
    """Returns run.json's "memory", stderr and the externally measured peak."""
    arguments = [argument for argument in synthesize.arguments(out, **flags) if argument != "--quiet"]
    process = subprocess.Popen([synthesize.retmask.binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)  # fmt: skip
    seen = [0]
    watcher = threading.Thread(target=most_resident, args=(process, seen))
    watcher.start()
    errors = process.stderr.read()
    watcher.join()
    assert process.returncode == 0, errors
    return run_record(out)["memory"], errors, seen[-1]


@pytest.fixture
def smollm2(retmask, demo_model, tmp_path):
    """220 prompts in bfloat16; answers end at the first letter e or a to keep the run short."""
    questions = [row["instruction"] for row in read_rows(ROOT / "configs/demo_prompts.jsonl")]
    rows = [{"prompt": f"{questions[i % len(questions)]} ({i})"} for i in range(220)]
    write_rows(tmp_path / "prompts.jsonl", rows)
    (tmp_path / "mask.json").write_text(json.dumps({"heads": [[18, 6], [17, 3], [23, 2]]}))
    return Synthesize(retmask, model=demo_model, prompts=tmp_path / "prompts.jsonl", mask=tmp_path / "mask.json",
                      device="cpu", dtype="bfloat16", stop=["e", "a", "\n"], max_new_tokens=120)  # fmt: skip


@pytest.mark.parametrize("flags", [{}, {"kv_cache_mib": 256}], ids=["default", "256 MiB"])
def test_budget_is_what_is_taken(smollm2, tmp_path, flags):
    memory, errors, seen = run(smollm2, tmp_path / "out", **flags)
    budget, peak = memory["budget"], memory["peak"]
    together = max(budget["loading"], budget["kv_cache"] + budget["step_buffers"])
    assert budget["total"] == budget["process"] + budget["libraries"] + budget["weights"] + together
    assert budget["weights"] == 2 * 134_515_008, "bfloat16, tied embeddings once"
    if flags:
        assert 255 * MIB < budget["kv_cache"] <= 256 * MIB
    assert peak == pytest.approx(budget["total"], rel=0.10), (budget, peak)
    assert seen <= peak * 1.001 and peak < seen * 1.05, "as the system sees it"
    planned, taken = [line for line in errors.splitlines() if "memory" in line]
    assert "info: memory: " in planned and "info: peak memory " in taken and ", planned " in taken


def test_cache_is_no_larger_than_the_prompts_need(synthesize, tmp_path):
    memory, _, _ = run(synthesize, tmp_path / "out", limit=2, max_new_tokens=8)
    few = memory["budget"]["kv_cache"]
    memory, _, _ = run(synthesize, tmp_path / "more", limit=2, max_new_tokens=808)
    # 4 continuations; 4 layers x 2 heads x 8 floats of keys and of values.
    assert memory["budget"]["kv_cache"] - few == 4 * 800 * (4 * 2 * 8 * 2 * 4)
    assert few < 4 * 200 * (4 * 2 * 8 * 2 * 4)


def test_too_small_a_cache_is_told_before_the_weights_are_read(smollm2, tmp_path):
    refused = smollm2(tmp_path / "out", code=2, kv_cache_mib=2)
    expect_one_line(refused, ["--kv-cache-mib", "4", "--max-new-tokens"])
