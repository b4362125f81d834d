#!/usr/bin/env python3
"""Makes tests/golden/trl/: results of TRL's trainers on the same real pairs, in float32 and in file order.

    .venv/bin/python tests/golden/make_trl_golden.py [smollm2_dpo ...]

  pairs64.jsonl                       made once by make_pairs(): SmolLM2 with and without ten of its retrieval heads; input
                                      only, nothing is compared with it
  <model>_<loss>.json                 versions of the packages, number of pairs ("rows", from the first on), options of the
                                      run and the figures of each step, as in metrics.jsonl
  <model>_<loss>.safetensors          every "weight_stride"-th element of each trained tensor

With the tiny models' tokenizer the texts are several times as long as Olmo-3's sliding window. SmolLM2 takes seconds per pair,
so its runs are shorter.
"""
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile

from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration"))
import trl_reference  # noqa: E402

OUT = HERE / "trl"
PAIRS = OUT / "pairs64.jsonl"
SMOLLM2 = ROOT / "build/models/SmolLM2-135M-Instruct"  # scripts/demo_model.sh
TOP_HEADS = "18-6,17-3,23-2,18-7,17-4,23-7,20-6,21-5,21-8,22-7"
MODELS = {"llama": HERE / "tiny/llama", "qwen3": HERE / "tiny/qwen3", "olmo3": HERE / "tiny/olmo3", "smollm2": SMOLLM2}
LOSSES = ["dpo", "ipo", "sft"]
PACKAGES = ["torch", "transformers", "trl"]


def make_pairs() -> None:
    """48 prompts, a quarter of them twice."""
    binary = ROOT / "build/release/retmask"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        mask = ["--heads", TOP_HEADS, "--spec-only", "--out", out / "mask"]
        subprocess.run([binary, "mask", "--model", SMOLLM2, *mask], check=True)
        flags = ["--mask", out / "mask/mask.json", "--samples", "2", "--max-new-tokens", "32", "--dtype", "float32"]
        prompts = ["--prompts", ROOT / "configs/demo_prompts.jsonl", "--out", out / "pairs"]
        subprocess.run([binary, "synthesize", "--model", SMOLLM2, *flags, *prompts], check=True)
        rows = [json.loads(line) for line in (out / "pairs/pairs.jsonl").read_text().splitlines()]
    rows.sort(key=lambda row: row["meta"]["sample"])
    kept = [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in rows[:64]]
    PAIRS.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))


def make_run(name: str) -> None:
    model, loss = name.split("_")
    # Both reach the second epoch.
    if model == "smollm2":
        rows, stride = 12, 4001
        size = ["--max-steps", "8", "--global-batch-size", "2"]
    else:
        rows, stride = 64, 13
        size = ["--max-steps", "20", "--learning-rate", "2e-4", "--min-learning-rate", "2e-5"]
    with tempfile.TemporaryDirectory() as folder:
        pairs, trained = pathlib.Path(folder) / "pairs.jsonl", pathlib.Path(folder) / "trained"
        pairs.write_text("".join(PAIRS.read_text().splitlines(keepends=True)[:rows]))
        arguments = ["--model", str(MODELS[model]), "--pairs", str(pairs), "--out", "unused", "--loss", loss]
        result = trl_reference.run(trl_reference.parse_args([*arguments, "--final-model", str(trained), *size]))
        weights = load_file(trained / "model.safetensors")
    save_file({key: w.flatten()[::stride].clone() for key, w in weights.items()}, OUT / f"{name}.safetensors")
    steps = [{key: value for key, value in step.items() if key != "time"} for step in result["steps"]]
    made_by = {package: importlib.metadata.version(package) for package in PACKAGES}
    kept = {"made_by": made_by, "rows": rows, "options": result["options"], "weight_stride": stride, "steps": steps}
    (OUT / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(name, f"{result['seconds']:.0f} s", [round(step["loss"], 4) for step in steps], flush=True)


def main(names: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    if not PAIRS.exists():
        make_pairs()
    for name in names or [f"{model}_{loss}" for model in MODELS for loss in LOSSES]:
        make_run(name)


if __name__ == "__main__":
    main(sys.argv[1:])
