"""retmask train-dpo: planned memory equals peak memory."""

import json
import shutil

import pytest

from conftest import ROOT

PAIRS = ROOT / "tests/golden/pairs32.jsonl"


# One micro-batch per step, several, and several ranks.
@pytest.mark.parametrize(
    "mode, more",
    [("none", []), ("selective", []), ("full", []), ("none", ["--micro-batch-tokens", 600]), ("none", ["--nproc", 2, "--zero-stage", 2])],
)
def test_plan_is_what_is_taken(retmask, demo_model, tmp_path, mode, more):
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


def test_a_plan_needs_a_config_and_writes_nothing(retmask, tmp_path):
    """Without weights, without --pairs and without --out."""
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(ROOT / "tests/bench/shapes/llama-8b/config.json", folder)
    done = retmask("train-dpo", "--plan", "--model", folder, "--plan-ranks", 8, "--plan-memory", 131)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("8.03 B parameters, BFloat16, 8 ranks on cuda, largest micro-batch 8192 tokens")
    assert len(lines) == 2 + 3 * 3 + 1 + 1
    assert lines[-1] == "fits into 90 % of 131 GiB: --zero-stage 1 --activation-checkpointing none"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    done = retmask("train-dpo", "--plan", "--model", folder, "--plan-memory", 40)
    assert "nothing fits into 90 % of 40 GiB" in done.stdout
    done = retmask("train-dpo", "--plan", "--plan-ranks", 8, code=2)
    assert "--model is required" in done.stderr
    done = retmask("train-dpo", "--plan", "--model", folder, "--plan-ranks", 0, code=2)
    assert "--plan-ranks is 0, expected at least 1" in done.stderr


def test_a_plan_with_pairs_tells_the_time(retmask, tiny_llama):
    """Three passes over each pair and epoch, and the reference's one; half the time with twice the ranks."""

    def hours(*more):
        done = retmask("train-dpo", "--plan", "--model", tiny_llama, "--pairs", PAIRS, "--plan-tflops", 1e-6, *more)
        assert "32 pairs, " in done.stdout
        return [float(line.split()[0]) for line in done.stdout.splitlines() if " hours at " in line]

    once = hours("--epochs", 3, "--global-batch-size", 8)
    assert len(once) == 2 and once[0] == pytest.approx(1.5 * once[1], rel=0.02)
    assert hours("--epochs", 3, "--global-batch-size", 8, "--plan-ranks", 2)[0] == pytest.approx(once[0] / 2, rel=0.02)
    more = hours("--epochs", 6, "--global-batch-size", 8)
    assert more[0] == pytest.approx(once[0] * (6 + 1 / 3) / (3 + 1 / 3), rel=0.02)
    assert hours("--epochs", 3, "--loss", "sft")[0] < once[0]
