"""Needle-in-a-haystack detection in plain transformers, the reference for `retmask detect`.

Supports both placements and scorings. Unlike the published code it also keeps the scores of wrong answers.
"""

import dataclasses

import numpy
import torch
from rouge_score import rouge_scorer

LLAMA2_PERIODS = {29889, 869}
REFERENCE_BUFFER = 200
REFERENCE_STOP_ID = 144


@dataclasses.dataclass(frozen=True)
class Grid:
    needles: list  # {"needle", "question", "real_needle"}
    haystack: str
    lengths: list
    depths: int
    placement: str = "sentence"
    scoring: str = "set"
    stop: str = "eos"
    new_tokens: int = 40


def sentence_context(tokenizer, grid, needle, length, depth):
    inserted = tokenizer.encode(" " + needle, add_special_tokens=False)
    body = tokenizer.encode(grid.haystack, add_special_tokens=False)[: length - len(inserted)]
    position = int(len(body) * depth / (grid.depths - 1))
    while 0 < position < len(body) and not tokenizer.decode([body[position - 1]]).rstrip().endswith("."):
        position -= 1
    return tokenizer.decode(body[:position] + inserted + body[position:])


def reference_context(tokenizer, grid, needle, length, depth):
    percent = numpy.round(numpy.linspace(0, 100, grid.depths)).astype(int)[depth]
    text = grid.haystack
    while len(text.split()) < max(grid.lengths):
        text += grid.haystack
    tokens = tokenizer.encode(text)
    if len(tokens) > length:
        text = tokenizer.decode(tokens[:length])
    inserted, body = tokenizer.encode(needle), tokenizer.encode(text)
    room = length - REFERENCE_BUFFER
    if len(body) + len(inserted) > room:
        body = body[: room - len(inserted)]
    position = len(body)
    if percent < 100:
        position = int(len(body) * (percent / 100))
        while position > 0 and body[position - 1] not in LLAMA2_PERIODS:
            position -= 1
    context = tokenizer.decode(body[:position] + inserted + body[position:])
    return context.replace(tokenizer.bos_token, "") if tokenizer.bos_token else context


def find_needle(prompt, real, placement):
    want, width = set(real), len(real)
    for begin in range(len(prompt)):
        coverage = len(set(prompt[begin : begin + width]) & want) / len(want)
        if coverage > 0.9 or (placement == "sentence" and coverage == 0.9):
            return begin, begin + width
    return -1, -1


def render(tokenizer, context, question):
    """The text of a prompt."""
    message = f"<book>{context}</book>\nBased on the content of the book, Question: {question}\nAnswer:"
    return tokenizer.apply_chat_template(
        [{"role": "user", "content": message}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )


def samples(tokenizer, grid):
    """Yields one row per sample, with the prompt and its context."""
    make_context = sentence_context if grid.placement == "sentence" else reference_context
    for index, needle in enumerate(grid.needles):
        real = tokenizer.encode(needle["real_needle"], add_special_tokens=False)
        for length in grid.lengths:
            for depth in range(grid.depths):
                context = make_context(tokenizer, grid, needle["needle"], length, depth)
                prompt = tokenizer.encode(render(tokenizer, context, needle["question"]), add_special_tokens=False)
                span = find_needle(prompt, real, grid.placement)
                row = {"needle": index, "length": length, "depth": depth, "span": list(span)}
                yield row | {"real": real, "prompt": prompt, "context": context}


def largest_keys(weights, seen):
    """Positions in the full sequence: the cache of a sliding-window layer holds only the last keys."""
    return (weights.argmax(-1) + seen - weights.shape[-1]).tolist()


@torch.no_grad()
def answer(model, prompt, stop_ids, new_tokens):
    """Greedy tokens and, for each, every head's key with the largest weight: [steps][layers][heads]."""
    ids = torch.tensor([prompt])
    past = model.model(ids[:, :-1], use_cache=True).past_key_values
    current, tokens, keys = ids[:, -1:], [], []
    for _ in range(new_tokens):
        out = model(current, past_key_values=past, use_cache=True, output_attentions=True)
        tokens.append(int(out.logits[0, -1].argmax()))
        seen = len(prompt) + len(tokens) - 1
        keys.append([largest_keys(weights[0, :, -1, :], seen) for weights in out.attentions])
        current = torch.tensor([tokens[-1:]])
        if tokens[-1] in stop_ids:
            break
    return tokens, keys


def head_scores(row, tokens, keys, scoring):
    """{"layer-head": score} of the heads with at least one copy."""
    copied = {}
    for token, layers in zip(tokens, keys):
        for layer, heads in enumerate(layers):
            for head, key in enumerate(heads):
                if row["span"][0] <= key < row["span"][1] and row["prompt"][key] == token:
                    copied.setdefault(f"{layer}-{head}", []).append(token)
    if scoring == "steps":
        return {head: len(steps) / len(row["real"]) for head, steps in copied.items()}
    return {head: len(set(steps)) / len(set(row["real"])) for head, steps in copied.items()}


def detect(model, tokenizer, grid, eos):
    """The rows of samples.jsonl."""
    rouge = rouge_scorer.RougeScorer(["rouge1"], use_stemmer=True)
    newline = tokenizer.convert_tokens_to_ids("<0x0A>")
    stop_ids = set(eos) if grid.stop == "eos" else {REFERENCE_STOP_ID, newline}
    rows = []
    for row in samples(tokenizer, grid):
        tokens, keys = answer(model, row["prompt"], stop_ids, grid.new_tokens)
        text = tokenizer.decode(tokens, skip_special_tokens=True)
        recall = rouge.score(grid.needles[row["needle"]]["real_needle"], text)["rouge1"].recall
        found = row["span"][0] >= 0 or grid.scoring == "steps"
        row |= {"recall": recall, "right": recall > 0.5 and found, "answer": text}
        row |= {"tokens": len(row["prompt"]), "scores": head_scores(row, tokens, keys, grid.scoring)}
        del row["prompt"], row["real"], row["context"]
        rows.append(row)
    return rows
