#!/usr/bin/env python3
"""Makes tests/golden/sampling.json: output of transformers' logits processors, and greedy texts of the tiny models with a
repetition penalty.

    .venv/bin/python tests/golden/make_sampling_golden.py

  cases   logits, the ids so far (some twice), the penalty and the filters; the penalised logits and the resulting
          sampling probabilities
  tempered  logits, and the sampling probabilities for several temperatures and filters
  greedy  {family: 24 tokens after the first 40 of tests/golden/model/<family>.safetensors' token_ids}
"""
import json
import pathlib

import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

HERE = pathlib.Path(__file__).resolve().parent
GREEDY_PENALTY = 1.3


def warpers(temperature: float, top_k: int, top_p: float, min_p: float) -> LogitsProcessorList:
    """In the order of transformers' generate."""
    result = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    if top_k:
        result.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        result.append(TopPLogitsWarper(top_p))
    if min_p:
        result.append(MinPLogitsWarper(min_p))
    return result


def make_case(seed: int, penalty: float, temperature: float, top_k: int, top_p: float, min_p: float) -> dict:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(24, generator=generator)
    seen = torch.randint(24, (10,), generator=generator)
    seen = torch.cat([seen, seen[:3], logits.argmax()[None]])
    penalised = RepetitionPenaltyLogitsProcessor(penalty)(seen[None], logits[None].clone())
    probabilities = warpers(temperature, top_k, top_p, min_p)(seen[None], penalised.clone())[0].softmax(-1)
    return {
        "logits": logits.tolist(),
        "seen": seen.tolist(),
        "repetition_penalty": penalty,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "penalised": penalised[0].tolist(),
        "probabilities": probabilities.tolist(),
    }


def make_tempered() -> dict:
    """Filters at several temperatures, without a penalty."""
    logits = 2 * torch.randn(24, generator=torch.Generator().manual_seed(5))
    cases = []
    for temperature in (0.4, 0.8, 1.0, 1.6, 3.0):
        for top_k, top_p, min_p in ((0, 1.0, 0.15), (0, 1.0, 0.5), (0, 0.8, 0.0), (9, 0.9, 0.1)):
            kept = warpers(temperature, top_k, top_p, min_p)(torch.zeros(1, 0, dtype=torch.long), logits[None].clone())
            cases.append({"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p,
                          "probabilities": kept[0].double().softmax(-1).tolist()})
    return {"logits": logits.tolist(), "cases": cases}


def greedy(family: str) -> list[int]:
    ids = load_file(HERE / "model" / f"{family}.safetensors")["token_ids"][None, :40]
    model = AutoModelForCausalLM.from_pretrained(HERE / "tiny" / family, attn_implementation="eager").float().eval()
    options = dict(max_new_tokens=24, do_sample=False, eos_token_id=None, repetition_penalty=GREEDY_PENALTY)
    return model.generate(ids, **options)[0, 40:].tolist()


def main() -> None:
    cases = [
        make_case(1, 1.3, 1.0, 0, 1.0, 0.0),
        make_case(2, 1.8, 0.7, 8, 0.9, 0.0),
        make_case(3, 0.6, 1.4, 0, 0.8, 0.0),
        make_case(4, 1.2, 0.9, 0, 1.0, 0.2),
    ]
    texts = {family: greedy(family) for family in ("llama", "qwen3", "olmo3")}
    golden = {"cases": cases, "tempered": make_tempered(), "greedy_penalty": GREEDY_PENALTY, "greedy": texts}
    (HERE / "sampling.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
