"""train-dpo against TRL 1.16: up to 20 steps on the same real pairs, into the second epoch, in float32 and in the same order."""

import json
import math

import pytest
from safetensors.torch import load_file

from conftest import ROOT

GOLDEN = ROOT / "tests/golden/trl"
PAIRS = GOLDEN / "pairs64.jsonl"
# For loss and grad_norm, and for rewards and margins unless they are differences of nearly equal numbers.
RELATIVE = 1e-4


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def flags(options):
    """The command line for the options of a TRL run."""
    arguments = ["--no-shuffle", "--dtype", "float32", "--device", "cpu"]
    for name in ("loss", "beta", "max_steps", "global_batch_size", "learning_rate", "min_learning_rate"):
        arguments += ["--" + name.replace("_", "-"), options[name]]
    return arguments


def reward_floor(options, largest_sum):
    """A reward is beta times the difference of two sums of log-probs, each at most `largest_sum` and rounded to 2^-24 of its
    size in float32. There are eight such roundings: our sums and TRL's, policy and reference. A margin is the difference
    of two rewards. (TRL's own IPO margins of SmolLM2 on two processors, AMX and AVX-512: up to one such floor apart.)"""
    return options["beta"] * 8 * largest_sum * 2**-24


def assert_steps_equal(ours, golden, largest_sum):
    assert len(ours) == len(golden["steps"]) == golden["options"]["max_steps"]
    floor = reward_floor(golden["options"], largest_sum)
    for mine, theirs in zip(ours, golden["steps"]):
        step = mine["step"]
        assert mine["lr"] == pytest.approx(theirs["lr"], rel=1e-9, abs=1e-12)
        for key in ("loss", "grad_norm"):
            assert mine[key] == pytest.approx(theirs[key], rel=RELATIVE), f"{key} of step {step}"
        for key, rewards in (("rewards_chosen", 1), ("rewards_rejected", 1), ("margin", 2)):
            if key not in theirs:  # sft has no rewards
                assert mine[key] is None
            else:
                expected = pytest.approx(theirs[key], rel=RELATIVE, abs=rewards * floor)
                assert mine[key] == expected, f"{key} of step {step}"
        if theirs.get("margin") != 0:  # before the first update every pair is a tie, decided by rounding
            assert mine["accuracy"] == theirs.get("accuracy"), f"accuracy of step {step}"


def update_difference(ours, trl, untrained, stride):
    """|| ours - TRL's || / || TRL's - untrained || over the elements in `trl`: a strided subset of each tensor."""
    difference = update = 0.0
    for name, expected in trl.items():
        difference += (ours[name].flatten()[::stride] - expected.flatten()).double().square().sum().item()
        update += (untrained[name].flatten()[::stride] - expected.flatten()).double().square().sum().item()
    return math.sqrt(difference / update)


def check(retmask, model, run, folder, largest_sum):
    golden = json.loads((GOLDEN / f"{run}.json").read_text())
    pairs, out = folder / "pairs.jsonl", folder / "out"
    pairs.write_text("".join(PAIRS.read_text().splitlines(keepends=True)[: golden["rows"]]))
    retmask("train-dpo", "--model", model, "--pairs", pairs, "--out", out, *flags(golden["options"]))
    assert_steps_equal(read_lines(out / "metrics.jsonl"), golden, largest_sum)
    ours, untrained = (load_file(folder / "model.safetensors") for folder in (out, model))
    trl = load_file(GOLDEN / f"{run}.safetensors")
    assert update_difference(ours, trl, untrained, golden["weight_stride"]) < 0.01


@pytest.mark.parametrize("loss", ["dpo", "ipo", "sft"])
@pytest.mark.parametrize("family", ["llama", "qwen3", "olmo3"])
def test_tiny_models(retmask, tmp_path, family, loss):
    """With their tokenizer every text exceeds Olmo-3's sliding window of 32 tokens."""
    check(retmask, ROOT / "tests/golden/tiny" / family, f"{family}_{loss}", tmp_path, largest_sum=1000)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["dpo", "ipo", "sft"])
def test_smollm2(retmask, demo_model, tmp_path, loss):
    """Twelve pairs: what depth, width and vocabulary of a real model add to the figures of the tiny ones."""
    check(retmask, demo_model, f"smollm2_{loss}", tmp_path, largest_sum=150)
