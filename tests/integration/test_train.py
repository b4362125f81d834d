"""train-dpo from the command line: against TRL's trainers, under kills, with bad input."""

import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from conftest import ROOT

GOLDEN = ROOT / "tests/golden/dpo"
PAIRS = ROOT / "tests/golden/pairs32.jsonl"
STEP_KEYS = ["loss", "rewards_chosen", "rewards_rejected", "margin", "grad_norm", "lr"]


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_timing(rows):
    timing = {"tokens_per_second", "model_flops_utilization", "memory_bytes"}
    return [{key: value for key, value in row.items() if key not in timing} for row in rows]


def flags(options):
    """The command line for the options of a TRL run."""
    arguments = ["--no-shuffle", "--dtype", "float32", "--device", "cpu"]
    loss = options["loss"].removesuffix("_norm")
    arguments += ["--loss", loss] + ["--length-normalize"] * (loss != options["loss"])
    for name in ("beta", "max_steps", "global_batch_size", "learning_rate", "min_learning_rate"):
        arguments += ["--" + name.replace("_", "-"), options[name]]
    return arguments


def assert_steps_equal(ours, trl, relative, absolute):
    """Rewards and margins nearly cancel at first, hence the absolute tolerance."""
    assert len(ours) == len(trl)
    for mine, theirs in zip(ours, trl):
        for key in STEP_KEYS:
            if key not in theirs:  # sft has no rewards
                assert mine[key] is None
                continue
            assert mine[key] == pytest.approx(theirs[key], rel=relative, abs=absolute if key != "lr" else 0), (
                f"{key} of step {mine['step']}"
            )


def update_difference(ours, trl, untrained, stride=1):
    """|| ours - TRL's || / || TRL's - untrained || over the elements that `trl` holds."""
    difference = update = 0.0
    for name, expected in trl.items():
        difference += (ours[name].flatten()[::stride] - expected.flatten()).double().square().sum().item()
        update += (untrained[name].flatten()[::stride] - expected.flatten()).double().square().sum().item()
    return math.sqrt(difference / update)


@pytest.mark.parametrize("run", ["llama_dpo", "llama_dpo_norm", "llama_ipo", "llama_sft", "qwen3_dpo", "olmo3_dpo"])
def test_tiny_models_train_as_trl_trains_them(retmask, tmp_path, run):
    golden = json.loads((GOLDEN / f"steps_{run}.json").read_text())
    model = ROOT / "tests/golden/tiny" / run.split("_")[0]
    retmask("train-dpo", "--model", model, "--pairs", PAIRS, "--out", tmp_path, *flags(golden["options"]))
    assert_steps_equal(read_lines(tmp_path / "metrics.jsonl"), golden["steps"], relative=1e-4, absolute=1e-5)
    trl = load_file(GOLDEN / f"weights_{run}.safetensors")
    ours, untrained = (load_file(folder / "model.safetensors") for folder in (tmp_path, model))
    assert update_difference(ours, trl, untrained, golden["weight_stride"]) < 1e-3


@pytest.mark.slow
def test_smollm2_trains_as_trl_trains_it(retmask, demo_model, tmp_path):
    """A short run of the installed TRL; test_trl.py compares longer ones with stored results."""
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(PAIRS.read_text().splitlines(keepends=True)[:4]))
    command = [sys.executable, ROOT / "tests/integration/trl_reference.py", "--model", demo_model, "--pairs", pairs]
    command += ["--out", tmp_path / "trl.json", "--final-model", tmp_path / "trl", "--max-steps", "4", "--global-batch-size", "2"]
    subprocess.run(command, check=True, timeout=900)
    trl = json.loads((tmp_path / "trl.json").read_text())
    retmask("train-dpo", "--model", demo_model, "--pairs", pairs, "--out", tmp_path / "ours", *flags(trl["options"]))

    ours = read_lines(tmp_path / "ours/metrics.jsonl")
    assert ours[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert_steps_equal(ours, trl["steps"], relative=1e-3, absolute=1e-5)
    weights = [load_file(folder / "model.safetensors") for folder in (tmp_path / "ours", tmp_path / "trl", demo_model)]
    assert update_difference(*weights) < 0.01


def short_run(max_steps=24):
    """On the 32 pairs: three epochs of eight steps, a checkpoint every third step."""
    return [
        "--pairs", PAIRS, "--max-steps", max_steps, "--global-batch-size", 4, "--micro-batch-tokens", 300,
        "--save-every", 3, "--learning-rate", 1e-3, "--min-learning-rate", 1e-4, "--threads", 1, "--device", "cpu",
    ]  # fmt: skip


def kill_when(retmask, arguments, is_time):
    """Starts the program and kills it once `is_time` returns true; false if it ended before."""
    with subprocess.Popen(
        [str(retmask.binary), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            if is_time():
                process.send_signal(signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.002)
    assert process.returncode == 0
    return False


def count_lines(path):
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes().count(b"\n")
    return 0


# Without AVX-512 each start takes 15 seconds in bfloat16, and when it is killed does not depend on the type.
@pytest.mark.parametrize("dtype, num_kills", [pytest.param("float32", 6, id="float32"), pytest.param("bfloat16", 3, id="bfloat16")])
def test_killed_runs_end_bit_identical(retmask, tiny_llama, tmp_path, dtype, num_kills):
    arguments = ["train-dpo", "--model", tiny_llama, *short_run(), "--dtype", dtype, "--out"]
    retmask(*arguments, tmp_path / "undisturbed")
    out = tmp_path / "killed"
    draw = random.Random(dtype)

    reference = out / "reference_logprobs.jsonl"
    assert kill_when(retmask, [*arguments, out], lambda: count_lines(reference) >= 4)
    kills = 0
    for _ in range(num_kills):
        wait_for = count_lines(out / "metrics.jsonl") + draw.randint(1, 6)
        delay = draw.uniform(0, 0.05)

        def is_time():
            if count_lines(out / "metrics.jsonl") < wait_for:
                return False
            time.sleep(delay)
            return True

        if not kill_when(retmask, [*arguments, out], is_time):
            break
        kills += 1
    assert kills >= 3
    retmask(*arguments, out)

    metrics = [without_timing(read_lines(folder / "metrics.jsonl")) for folder in (tmp_path / "undisturbed", out)]
    assert metrics[0] == metrics[1]
    models = [(folder / "model.safetensors").read_bytes() for folder in (tmp_path / "undisturbed", out)]
    assert models[0] == models[1]
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-21"]


def test_result_loads_in_transformers(retmask, tiny_model, tmp_path):
    done = retmask("train-dpo", "--model", tiny_model, *short_run(4), "--out", tmp_path)
    assert "trained 4 steps" in done.stdout
    assert done.stderr.count("\n") < 20
    model, info = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    untrained = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), untrained.parameters()))
    assert model.generation_config.eos_token_id == untrained.generation_config.eos_token_id
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (tmp_path, tiny_model)]
    messages = json.loads(PAIRS.read_text().splitlines()[0])["prompt"]
    assert len({t.apply_chat_template(messages, tokenize=False) for t in tokenizers}) == 1

    run = json.loads((tmp_path / "run.json").read_text())
    assert run["status"] == "done"
    assert run["options"]["max-steps"] == 4
    assert set(read_lines(tmp_path / "metrics.jsonl")[0]) == {
        "step", "loss", "rewards_chosen", "rewards_rejected", "accuracy", "margin", "grad_norm", "lr", "tokens",
        "tokens_per_second", "model_flops_utilization", "memory_bytes",
    }  # fmt: skip


def test_saved_dtype(retmask, tiny_llama, tmp_path):
    common = ["train-dpo", "--model", tiny_llama, *short_run(2)]
    retmask(*common, "--out", tmp_path / "own", "--dtype", "bfloat16")
    retmask(*common, "--out", tmp_path / "half", "--save-dtype", "bfloat16")
    own, half = (load_file(tmp_path / name / "model.safetensors") for name in ("own", "half"))
    assert {w.dtype for w in own.values()} == {torch.float32}, "as the source"
    assert {w.dtype for w in half.values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "half/config.json").read_text())["dtype"] == "bfloat16"


def test_sft_takes_every_form(retmask, tiny_llama, tmp_path):
    """Pairs, prompt/completion rows and messages with the same answers give the same run."""
    pairs = read_lines(PAIRS)
    forms = {
        "pairs": pairs,
        "completions": [{"prompt": p["prompt"], "completion": p["chosen"]} for p in pairs],
        "messages": [{"messages": p["prompt"] + p["chosen"]} for p in pairs],
    }
    metrics = []
    for name, rows in forms.items():
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        retmask("train-dpo", "--loss", "sft", "--model", tiny_llama, "--pairs", file, "--max-steps", 3, "--out",
                tmp_path / name, "--global-batch-size", 4, "--learning-rate", 1e-3, "--threads", 1)  # fmt: skip
        metrics.append(without_timing(read_lines(tmp_path / name / "metrics.jsonl")))
    assert metrics[0] == metrics[1] == metrics[2]


def test_stopped_run_refuses_other_options(retmask, tiny_llama, tmp_path):
    common = ["train-dpo", "--model", tiny_llama, *short_run(4), "--out", tmp_path]
    retmask(*common)
    assert "already finished" in retmask(*common, "--keep-last", 2).stderr
    error = retmask(*common, "--beta", "0.2", code=2).stderr
    assert "beta" in error and "0.1" in error and "0.2" in error


PLAIN_PAIR = '{"prompt": "one two", "chosen": " yes", "rejected": " no"}'


@pytest.mark.parametrize(
    "rows, arguments, expected",
    [
        (['{"prompt": "a"'], [], "pairs.jsonl:1"),
        (['{"prompt": "a", "chosen": "b"}'], [], '"rejected"'),
        ([PLAIN_PAIR, "", '{"prompt": "", "chosen": "b", "rejected": "c"}'], [], "pairs.jsonl:3"),
        ([], [], "no rows"),
        ([PLAIN_PAIR], ["--max-length", "3"], "--long-rows"),
        ([PLAIN_PAIR], ["--max-length", "5000"], "2048"),
        ([PLAIN_PAIR], ["--loss", "kto"], "dpo, sft, ipo"),
        ([PLAIN_PAIR], ["--beta", "0"], "--beta"),
        ([PLAIN_PAIR], ["--zero-stage", "4"], "--zero-stage"),
        ([PLAIN_PAIR], ["--save-dtype", "int8"], "--save-dtype"),
        ([PLAIN_PAIR], ["--learning-rate", "1e30", "--warmup-ratio", "0", "--max-steps", "5"],
         "pairs.jsonl:1 is not finite"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_code_2(retmask, tiny_llama, tmp_path, rows, arguments, expected):
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(row + "\n" for row in rows))
    out = tmp_path / "out"
    done = retmask("train-dpo", "--model", tiny_llama, "--pairs", file, "--out", out, "--quiet", *arguments, code=2)
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (out / "model.safetensors").exists()


def test_full_disk_keeps_the_last_checkpoint(retmask, tiny_llama, tmp_path):
    """A file-size limit simulates a full disk: the model fits, a training state does not."""
    arguments = ["train-dpo", "--model", tiny_llama, *short_run(), "--out", tmp_path, "--quiet"]
    limit = os.stat(tiny_llama / "model.safetensors").st_size * 2
    command = f"trap '' XFSZ; ulimit -f {limit // 1024}; exec \"$0\" \"$@\""
    done = subprocess.run(["bash", "-c", command, str(retmask.binary), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "rank-0.safetensors" in done.stderr and done.stderr.count("\n") == 1
    assert count_lines(tmp_path / "metrics.jsonl") == 3
    retmask(*arguments)
    assert count_lines(tmp_path / "metrics.jsonl") == 24
