"""theta' as a gate on theta's weights in our engine and as a checkpoint in transformers give the same greedy texts."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from synthesize_runs import Synthesize, read_rows

HEADS = "18-6,17-3,23-2,18-7,17-4,23-7,20-6,21-5,21-8,22-7"
PROMPTS = 50
NEW_TOKENS = 48
# Logits closer than this may swap: the summation order differs.
TIE = 1e-4


@torch.no_grad()
def compare(model, prompt, answer):
    """Number of answer tokens that are transformers' greedy choice given their prefix, that tie with it, and the rest. If all
    are of the first kind, transformers' greedy decoding generates exactly this answer."""
    ids = torch.tensor([prompt + answer])
    logits = model(ids).logits[0, len(prompt) - 1 : -1]
    behind = logits.max(-1).values - logits.gather(1, torch.tensor(answer)[:, None])[:, 0]
    # A tie is not a divergence, because later tokens are checked with our token as prefix.
    return (behind == 0).sum().item(), ((behind > 0) & (behind < TIE)).sum().item(), (behind >= TIE).sum().item()


@pytest.mark.slow
def test_gated_text_is_that_of_the_masked_checkpoint(retmask, demo_model, shared, tmp_path):
    """Each token of 50 real answers; ties are not divergences. Two answers are also compared with generate()."""
    retmask("mask", "--model", demo_model, "--heads", HEADS, "--out", tmp_path / "masked")
    synthesize = Synthesize(retmask, model=demo_model, prompts=shared / "data/prompts/ifeval_input_data.jsonl")
    out = tmp_path / "pairs"
    synthesize(out, mask=tmp_path / "masked/mask.json", temperature=0, limit=PROMPTS, max_new_tokens=NEW_TOKENS, threads=2,
               logprobs=True, dtype="float32", device="cpu", max_prompt_tokens=200)  # fmt: skip
    rows = {row["id"]: row for row in read_rows(out / "answers.jsonl") if row["policy"] == "rejected"}
    prompts = [row["conversation"] for row in read_rows(out / "rejected.jsonl.gz")]
    ids = [row["conversation_id"] for row in read_rows(out / "rejected.jsonl.gz")]
    assert len(ids) == PROMPTS

    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "masked")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "masked", dtype=torch.float32).eval()
    greedy = ties = 0
    for number, (name, messages) in enumerate(zip(ids, prompts, strict=True)):
        answer = rows[name]["token_ids"]
        encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
        same, tied, different = compare(model, encoded, answer)
        assert different == 0, f"{name}: {rows[name]['text']}"
        assert rows[name]["finish_reason"] == ("stop" if answer[-1] in (tokenizer.eos_token_id,) else "length")
        greedy, ties = greedy + same, ties + tied
        if number < 2 and tied == 0:
            options = dict(max_new_tokens=NEW_TOKENS, do_sample=False)
            generated = model.generate(torch.tensor([encoded]), **options)[0, len(encoded) :].tolist()
            assert generated == answer
    print(json.dumps({"answers": PROMPTS, "tokens": greedy + ties, "ties": ties}))
    assert ties <= 5
    shutil.rmtree(tmp_path / "masked")  # half a gigabyte
