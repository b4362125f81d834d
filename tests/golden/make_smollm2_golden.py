#!/usr/bin/env python3
"""Makes tests/golden/smollm2/: what transformers computes with SmolLM2-135M-Instruct (scripts/demo_model.sh).

    .venv/bin/python tests/golden/make_smollm2_golden.py [logits greedy detection masked_text]

  logits.safetensors   1,000 tokens of the demo's prompts; in float32 every LOGIT_STRIDE-th logit of the flattened [token,
                       vocabulary] array (32,747 different vocabulary entries), and for each token the largest logit's entry
                       and the logarithm of the sum of exponentials; of the first tokens the largest logit's entry in bfloat16
  greedy.json          20 of the demo's prompts and their greedy answers
  detection.json       the output of shared/reference/niah_reference.py on the official grid of 30 samples
  masked_text.json     greedy answers to 25 IFEval prompts of shared/ by a model whose o_proj columns of HEADS are zero, each
                       with the first step that is a tie (null: none)

Each file says which versions of the packages made it.
"""
import importlib.metadata
import importlib.util
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = HERE / "smollm2"
MODEL = ROOT / "build/models/SmolLM2-135M-Instruct"
SHARED = ROOT.parent / "shared"
EOS = 2
LOGIT_STRIDE = 1501  # has no factor in common with the vocabulary's size
BFLOAT16_TOKENS = 300  # a minute on a processor without AVX-512
HEADS = [(18, 6), (17, 3), (23, 2), (18, 7), (17, 4), (23, 7), (20, 6), (21, 5), (21, 8), (22, 7)]
TIE = 1e-4  # logits closer than this may swap: the summation order differs


def made_by() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in ("torch", "transformers")}


def write_json(name: str, content: dict) -> None:
    (OUT / name).write_text(json.dumps({"made_by": made_by(), **content}) + "\n")


def load(**options):
    return AutoModelForCausalLM.from_pretrained(MODEL, **({"dtype": torch.float32} | options)).eval()


def read_rows(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def demo_prompts() -> list[dict]:
    return read_rows(ROOT / "configs/demo_prompts.jsonl")


def chat(tokenizer, text: str) -> list[int]:
    messages = [{"role": "user", "content": text}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]


def greedy_answer(model, prompt: list[int], new_tokens: int) -> tuple[list[int], int | None]:
    """The answer and the first step at which the second-best token is as good."""
    options = dict(max_new_tokens=new_tokens, do_sample=False, eos_token_id=EOS)
    out = model.generate(torch.tensor([prompt]), **options, return_dict_in_generate=True, output_logits=True)
    tie = None
    for step, logits in enumerate(out.logits):
        best, second = logits[0].topk(2).values.tolist()
        if best - second < TIE and tie is None:
            tie = step
    return out.sequences[0, len(prompt) :].tolist(), tie


def make_logits() -> None:
    text = "\n".join(f"{row['instruction']} {row.get('input', '')}" for row in demo_prompts())
    ids = AutoTokenizer.from_pretrained(MODEL)(text)["input_ids"][:1000]
    logits = load()(torch.tensor([ids])).logits[0]
    half = load(dtype=torch.bfloat16)(torch.tensor([ids[:BFLOAT16_TOKENS]])).logits[0]
    tensors = {
        "token_ids": torch.tensor(ids, dtype=torch.int32),
        "logits": logits.flatten()[::LOGIT_STRIDE].clone(),
        "largest": logits.argmax(-1).int(),
        "log_sum_exp": logits.logsumexp(-1),
        "largest_in_bfloat16": half.argmax(-1).int(),
    }
    save_file(tensors, OUT / "logits.safetensors", metadata=made_by() | {"stride": str(LOGIT_STRIDE)})


def make_greedy() -> None:
    model, tokenizer = load(), AutoTokenizer.from_pretrained(MODEL)
    prompts = [chat(tokenizer, row["instruction"]) for row in demo_prompts()[:20]]
    answers = []
    for prompt in prompts:
        answer, tie = greedy_answer(model, prompt, 40)
        assert tie is None, "take another prompt"
        answers.append(answer)
    write_json("greedy.json", {"prompts": prompts, "answers": answers})


def make_detection() -> None:
    spec = importlib.util.spec_from_file_location("niah_reference", SHARED / "reference/niah_reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    needles = read_rows(reference.HERE / "needles.jsonl")
    haystacks = [(reference.HERE / f"part{i + 1}/p1.txt").read_text(encoding="utf-8") for i in range(len(needles))]
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = load(attn_implementation="eager")
    scores, rows = reference.detect(model, tokenizer, needles, haystacks, [512, 1024], 5, {EOS})
    write_json("detection.json", {"rows": rows, "scores": scores})


def make_masked_text() -> None:
    model, tokenizer = load(), AutoTokenizer.from_pretrained(MODEL)
    width = model.config.head_dim
    for layer, head in HEADS:
        model.model.layers[layer].self_attn.o_proj.weight[:, head * width : (head + 1) * width] = 0
    answers = []
    for row in read_rows(SHARED / "data/prompts/ifeval_input_data.jsonl"):
        prompt = chat(tokenizer, row["prompt"])
        if len(prompt) > 200:
            continue
        answer, tie = greedy_answer(model, prompt, 48)
        answers.append({"prompt": row["prompt"], "token_ids": answer, "tie": tie})
        if len(answers) == 25:
            break
    assert sum(answer["tie"] is not None for answer in answers) <= 2
    write_json("masked_text.json", {"heads": HEADS, "answers": answers})


MAKERS = {"logits": make_logits, "greedy": make_greedy, "detection": make_detection, "masked_text": make_masked_text}


@torch.no_grad()
def main(names: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    for name in names or MAKERS:
        MAKERS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
