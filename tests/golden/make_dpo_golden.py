#!/usr/bin/env python3
"""Makes tests/golden/dpo/: results of TRL's trainers on the tiny models and pairs32.jsonl.

    .venv/bin/python tests/golden/make_dpo_golden.py

  steps_<family>_<loss>.json      figures of 10 steps, as in metrics.jsonl, and the options
  weights_<family>_<loss>.safetensors   every WEIGHT_STRIDE-th element of each tensor after these steps
  tokens.json                     TRL's tokens of pairs32.jsonl and of difficult rows
  schedule.json                   learning rates of transformers' cosine_with_min_lr
"""
import json
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import get_scheduler

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import trl_reference  # noqa: E402

OUT = HERE / "dpo"
PAIRS = HERE / "pairs32.jsonl"
WEIGHT_STRIDE = 13
RUNS = [
    ("llama", "dpo"), ("llama", "dpo_norm"), ("llama", "ipo"), ("llama", "sft"), ("qwen3", "dpo"), ("olmo3", "dpo"),
]  # fmt: skip
RATES = {"learning_rate": 2e-4, "min_learning_rate": 2e-5}

# Plain text with and without EOS, tokens that merge across the boundary, answers with a common start, white space.
AWKWARD = [
    {"prompt": "The licence says", "chosen": " yes, it may be used.", "rejected": " no"},
    {"prompt": "Two lines:\n", "chosen": "\nfirst\nsecond", "rejected": "one<|im_end|>"},
    {"prompt": "the copyrig", "chosen": "ht notice", "rejected": "a"},
    {"prompt": "a warra", "chosen": "bc", "rejected": "nty"},
]


def conversation(prompt: list[str], chosen: str, rejected: str) -> dict:
    roles = ["user", "assistant"]
    return {
        "prompt": [{"role": roles[i % 2], "content": text} for i, text in enumerate(prompt)],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }


AWKWARD_CONVERSATIONS = [
    conversation(["\n\n"], "\n\nstarts with line breaks", "\n"),
    conversation(["a", "b", "c"], "the software", "the software is provided"),
    conversation(["émoji 🪐", "ok", " spaces  "], "  two", "\ttab<|im_end|>"),
]


def run_trl(model: pathlib.Path, pairs: pathlib.Path, loss: str, steps: int, final_model: str | None = None) -> dict:
    arguments = ["--model", str(model), "--pairs", str(pairs), "--out", "unused", "--loss", loss]
    arguments += ["--max-steps", str(steps)]
    for name, value in RATES.items():
        arguments += ["--" + name.replace("_", "-"), str(value)]
    if final_model:
        arguments += ["--final-model", final_model]
    return trl_reference.run(trl_reference.parse_args(arguments))


def make_steps(family: str, loss: str) -> dict:
    with tempfile.TemporaryDirectory() as trained:
        result = run_trl(HERE / "tiny" / family, PAIRS, loss, 10, trained)
        weights = load_file(pathlib.Path(trained) / "model.safetensors")
    save_file({name: w.flatten()[::WEIGHT_STRIDE].clone() for name, w in weights.items()},
              OUT / f"weights_{family}_{loss}.safetensors")
    kept = {"options": result["options"], "weight_stride": WEIGHT_STRIDE, "decayed": result["decayed"],
            "steps": [{key: value for key, value in step.items() if key != "time"} for step in result["steps"]]}
    (OUT / f"steps_{family}_{loss}.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(family, loss, [round(step["loss"], 4) for step in result["steps"]])
    return result


def make_tokens(pairs32: list[dict]) -> None:
    cases = {"pairs32": {"rows": "pairs32.jsonl", "tokens": pairs32}}
    for name, rows in [("plain", AWKWARD), ("conversations", AWKWARD_CONVERSATIONS)]:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()
            for loss in ("dpo", "sft"):
                result = run_trl(HERE / "tiny" / "llama", pathlib.Path(file.name), loss, 1)
                cases[f"{name}_{loss}"] = {"rows": rows, "tokens": result["tokens"]}
    (OUT / "tokens.json").write_text(json.dumps(cases) + "\n")


def make_schedule() -> None:
    cases = []
    for total, ratio, floor in [(10, 0.1, 0.1), (30, 0.1, 0.1), (7, 0.0, 0.0), (25, 0.33, 0.5), (1, 0.1, 0.1)]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-7)
        warmup = trl_reference.DPOConfig(output_dir="unused", warmup_steps=ratio, use_cpu=True).get_warmup_steps(total)
        scheduler = get_scheduler("cosine_with_min_lr", optimizer, warmup, total, {"min_lr": 5e-7 * floor})
        rates = []
        for _ in range(total):
            rates.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
        cases.append({"total": total, "warmup_ratio": ratio, "learning_rate": 5e-7,
                      "min_learning_rate": 5e-7 * floor, "warmup": warmup, "rates": rates})
    (OUT / "schedule.json").write_text(json.dumps(cases) + "\n")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    results = {run: make_steps(*run) for run in RUNS}
    make_tokens(results[("llama", "dpo")]["tokens"])  # the tiny models share a tokenizer
    make_schedule()


if __name__ == "__main__":
    main()
