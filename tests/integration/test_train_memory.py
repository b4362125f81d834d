"""retmask train-dpo: planned memory equals peak memory."""

import json

import pytest

from conftest import ROOT

PAIRS = ROOT / "tests/golden/pairs32.jsonl"


# One micro-batch per step, several, and several ranks.
@pytest.mark.parametrize(
    "mode, more",
    [("none", []), ("selective", []), ("full", []), ("none", ["--micro-batch-tokens", 600]), ("none", ["--nproc", 2, "--zero-stage", 2])],
)
def test_plan_is_what_is_taken(retmask, fast_bfloat16, demo_model, tmp_path, mode, more):
    retmask("train-dpo", "--model", demo_model, "--pairs", PAIRS, "--out", tmp_path, "--device", "cpu", "--dtype", "bfloat16",
            "--max-steps", 2, "--global-batch-size", 16, "--save-every", 0, "--activation-checkpointing", mode, *more)  # fmt: skip
    memory = json.loads((tmp_path / "training.json").read_text())["memory"]
    assert memory["peak"] == pytest.approx(memory["planned"], rel=0.1)
    plan = json.loads((tmp_path / "memory_plan.json").read_text())
    assert plan["total"] == memory["planned"] and plan["activation_checkpointing"] == mode
    assert plan["weights"] == 2 * 134_515_008, "bfloat16, tied embeddings once"


def test_plan_settles_what_is_kept_once(retmask, tiny_llama, tmp_path):
    """A resumed run keeps its settings, even those chosen automatically."""
    flags = ["--model", tiny_llama, "--pairs", PAIRS, "--out", tmp_path / "out", "--device", "cpu", "--max-steps", 2,
             "--save-every", 1]  # fmt: skip
    retmask("train-dpo", *flags)
    (tmp_path / "out/training.json").unlink()  # as if it had been stopped after its first step
    (tmp_path / "out/memory_plan.json").write_text(json.dumps({"activation_checkpointing": "selective"}))
    retmask("train-dpo", *flags)
    plan = json.loads((tmp_path / "out/memory_plan.json").read_text())
    assert plan["activation_checkpointing"] == "selective"
