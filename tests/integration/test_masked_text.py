"""theta' as a gate on theta's weights in our engine and as a checkpoint in transformers give the same greedy texts."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from conftest import ROOT
from synthesize_runs import Synthesize, read_rows

NEW_TOKENS = 48
# Logits closer than this may swap: the summation order differs.
TIE = 1e-4


@torch.no_grad()
def num_different(model, prompt, answer):
    """Number of answer tokens that are not transformers' greedy choice given their prefix, nor tie with it."""
    logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    behind = logits.max(-1).values - logits.gather(1, torch.tensor(answer)[:, None])[:, 0]
    return (behind >= TIE).sum().item()


@pytest.mark.slow
def test_gated_text_is_that_of_the_masked_checkpoint(retmask, demo_model, shared, tmp_path):
    """25 answers, up to their first tie, are transformers' (tests/golden/smollm2); the checkpoint that `mask` writes gives the
    same in the installed version."""
    golden = json.loads((ROOT / "tests/golden/smollm2/masked_text.json").read_text())
    heads = ",".join(f"{layer}-{head}" for layer, head in golden["heads"])
    retmask("mask", "--model", demo_model, "--heads", heads, "--out", tmp_path / "masked")
    synthesize = Synthesize(retmask, model=demo_model, prompts=shared / "data/prompts/ifeval_input_data.jsonl")
    out = tmp_path / "pairs"
    synthesize(out, mask=tmp_path / "masked/mask.json", temperature=0, limit=len(golden["answers"]), threads=2, logprobs=True,
               max_new_tokens=NEW_TOKENS, dtype="float32", device="cpu", max_prompt_tokens=200)  # fmt: skip
    rows = {row["id"]: row for row in read_rows(out / "answers.jsonl") if row["policy"] == "rejected"}
    conversations = read_rows(out / "rejected.jsonl.gz")

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "masked")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "masked", dtype=torch.float32).eval()
    for number, (conversation, want) in enumerate(zip(conversations, golden["answers"], strict=True)):
        row = rows[conversation["conversation_id"]]
        answer, messages = row["token_ids"], conversation["conversation"]
        assert messages == [{"role": "user", "content": want["prompt"]}]
        assert answer[: want["tie"]] == want["token_ids"][: want["tie"]], row["text"]
        assert row["finish_reason"] == ("stop" if answer[-1] in (tokenizer.eos_token_id,) else "length")
        if number < 2:
            encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
            assert num_different(model, encoded, answer) == 0, row["text"]
    shutil.rmtree(tmp_path / "masked")  # half a gigabyte
