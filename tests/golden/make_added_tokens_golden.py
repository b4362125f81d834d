#!/usr/bin/env python3
"""Makes tests/golden/tokenizer/added_tokens.json: tokens that are defined outside tokenizer.json, in tokenizer_config.json,
special_tokens_map.json and added_tokens.json, and transformers' ids of a text with all of them.

    .venv/bin/python tests/golden/make_added_tokens_golden.py
"""
import json
import pathlib
import random
import shutil
import tempfile

from transformers import AutoTokenizer

GOLDEN = pathlib.Path(__file__).resolve().parent
NAMES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token", "image_token"]
CONTENTS = ["<|a|>", "<|b|>", "<|c|>", "[D]", "e e", "<|im_end|>", "<|endoftext|>", "P", "Ünï"]


def token(rng, content=None, **changes):
    names = ("special", "lstrip", "rstrip", "normalized", "single_word")
    flags = {name: rng.random() < 0.3 for name in names if name != "special" or rng.random() < 0.7}
    return {"content": content or rng.choice(CONTENTS), **flags, **changes}


def typed(fields):
    return {"__type": "AddedToken", **fields}


def named(rng, chance, wrap):
    return {name: rng.choice([rng.choice(CONTENTS), wrap(token(rng))]) for name in NAMES if rng.random() < chance}


def draw(rng):
    """The files of one checkpoint other than tokenizer.json."""
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    files = {"tokenizer_config.json": config}
    config.update(named(rng, 0.25, typed))
    if rng.random() < 0.5:
        contents = rng.sample(CONTENTS, rng.randint(1, 5))
        ids = rng.sample([384, 385, 386, 390, 399, 1000, 9], len(contents))
        config["added_tokens_decoder"] = {str(i): token(rng, content) for i, content in zip(ids, contents)}
    extra = rng.choice(["extra_special_tokens", "additional_special_tokens", None])
    if extra:
        config[extra] = rng.sample(CONTENTS, 2)
    elif rng.random() < 0.3:
        config["extra_special_tokens"] = {"boi_token": "<|boi|>", "eoi_token": "<|b|>"}
    if rng.random() < 0.5:
        files["special_tokens_map.json"] = named(rng, 0.25, lambda fields: fields)
        name = rng.choice(["additional_special_tokens", "extra_special_tokens", None, None])
        if name:
            kinds = [str, lambda content: {"content": content}, lambda content: token(rng, content)]
            if name == "additional_special_tokens":
                kinds = [str]  # if there are objects too, transformers ignores the whole file
            values = [rng.choice(kinds)(content) for content in rng.sample(CONTENTS, 2)]
            files["special_tokens_map.json"][name] = values
    if rng.random() < 0.4:
        contents = rng.sample(CONTENTS, 3)
        files["added_tokens.json"] = dict(zip(contents, rng.sample([384, 385, 386, 400, 12], 3)))
    if rng.random() < 0.15:
        config["split_special_tokens"] = True
    return files


def main():
    rng = random.Random(11)
    text = "x <|a|> <|b|>y <|c|>  [D] e e z<|im_end|> P<|endoftext|> ÜnïÜ <|boi|> e  e <|im_start|>P"
    cases = []
    while len(cases) < 120:
        files = draw(rng)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for source in ("tokenizer.json", "config.json"):
                shutil.copy(GOLDEN / "tiny/llama" / source, folder / source)
            for path, content in files.items():
                (folder / path).write_text(json.dumps(content))
            try:
                tokenizer = AutoTokenizer.from_pretrained(folder)
            except TypeError:
                continue  # rejected by transformers
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        cases.append({
            "files": files,
            "ids": ids,
            "without_special": tokenizer.decode(ids, skip_special_tokens=True),
            "size": len(tokenizer),
            "eos_token": tokenizer.eos_token,
        })
    out = GOLDEN / "tokenizer/added_tokens.json"
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    out.write_text(f'{{"text": {json.dumps(text, ensure_ascii=False)}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    print(len(cases), out.stat().st_size)


if __name__ == "__main__":
    main()
