#!/usr/bin/env python3
"""Evaluation and detection with plain transformers on the CPU: the peer of cpu_table.py's rows. float32 unless --dtype says else.

    transformers_peer.py choice MODEL FILE... --questions N   # log-probs of continuations, in batches of --batch-size
    transformers_peer.py generate MODEL PROMPTS               # greedy answers to prompts.jsonl of `retmask eval --save-prompts`
    transformers_peer.py detect MODEL --reference niah_reference.py --lengths 512,1024 --depths N   # its scores, attention inspected

Prints one JSON object. Loading is part of the time that cpu_table.py measures, as it is for retmask.
"""
import argparse
import gzip
import importlib.util
import json
import os
import pathlib

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def read_requests(path: str, questions: int) -> list[dict]:
    rows = [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]
    return [row for row in rows if row["doc_id"] < questions]


def encode(tokenizer, context: str, continuation: str) -> tuple[list[int], int]:
    """Tokens of both together and the number of the context's own, as lm-evaluation-harness counts them."""
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    return tokenizer.encode(context + continuation), len(tokenizer.encode(context))


@torch.no_grad()
def choice(model, tokenizer, files: list[str], questions: int, batch_size: int) -> dict:
    answers = {}
    for path in files:
        requests = read_requests(path, questions)
        encoded = [encode(tokenizer, row["request"]["context"], row["request"]["continuation"]) for row in requests]
        sums = [0.0] * len(requests)
        # Longest first, as lm-evaluation-harness: batches of about equal lengths.
        order = sorted(range(len(requests)), key=lambda i: -len(encoded[i][0]))
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            longest = max(len(encoded[i][0]) for i in batch)
            ids = torch.zeros(len(batch), longest, dtype=torch.long)
            for row, i in enumerate(batch):
                ids[row, : len(encoded[i][0])] = torch.tensor(encoded[i][0])
            # Padding behind a text does not change its causal logits. Only the rows that predict continuations go through the
            # output layer: most are contexts.
            hidden = model.model(ids).last_hidden_state
            for row, i in enumerate(batch):
                tokens, context = encoded[i]
                logits = model.lm_head(hidden[row, context - 1 : len(tokens) - 1])
                predicted = torch.tensor(tokens[context:]).unsqueeze(1)
                sums[i] = logits.log_softmax(-1).gather(1, predicted).sum().item()
        answers[os.path.basename(path)] = [
            {"doc_id": row["doc_id"], "gold": row["doc"]["gold"], "chars": len(row["request"]["continuation"]), "sum": total}
            for row, total in zip(requests, sums, strict=True)
        ]
    return answers


@torch.no_grad()
def generate(model, tokenizer, path: str) -> dict:
    answers = {}
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        ids = torch.tensor([tokenizer.encode(row["prompt"], add_special_tokens=False)])
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=row["max_new_tokens"],
            pad_token_id=tokenizer.eos_token_id,
        )  # fmt: skip
        answers[row["id"]] = tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return answers


def detect(model, tokenizer, reference: pathlib.Path, lengths: list[int], depths: int) -> dict:
    spec = importlib.util.spec_from_file_location("niah_reference", reference)
    niah = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(niah)
    data = reference.parent / "haystack_for_detect"
    needles = [json.loads(line) for line in open(data / "needles.jsonl", encoding="utf-8")]
    haystacks = [(data / f"part{i + 1}/p1.txt").read_text(encoding="utf-8") for i in range(len(needles))]
    eos = {model.config.eos_token_id}
    scores, rows = niah.detect(model, tokenizer, needles, haystacks, lengths, depths, eos)
    return {"scores": scores, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("choice", "generate", "detect"):
        command = commands.add_parser(name)
        command.add_argument("model")
        command.add_argument("--dtype", default="float32", choices=["float64", "float32", "bfloat16"])
        if name == "choice":
            command.add_argument("files", nargs="+")
            command.add_argument("--questions", type=int, required=True)
            command.add_argument("--batch-size", type=int, default=16)
        elif name == "generate":
            command.add_argument("prompts")
        else:
            command.add_argument("--reference", type=pathlib.Path, required=True)
            command.add_argument("--lengths", type=lambda text: [int(word) for word in text.split(",")], required=True)
            command.add_argument("--depths", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(os.cpu_count())
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    attention = {"attn_implementation": "eager"} if arguments.command == "detect" else {}
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=getattr(torch, arguments.dtype), **attention).eval()
    if arguments.command == "choice":
        answers = choice(model, tokenizer, arguments.files, arguments.questions, arguments.batch_size)
    elif arguments.command == "generate":
        answers = generate(model, tokenizer, arguments.prompts)
    else:
        answers = detect(model, tokenizer, arguments.reference, arguments.lengths, arguments.depths)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
