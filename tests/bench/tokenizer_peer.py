#!/usr/bin/env python3
"""Measures the same as tokenizer_bench.cpp for Hugging Face's `tokenizers`, on one thread: tokenizer_peer.py DIR FILE"""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pathlib  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

from tokenizers import Tokenizer  # noqa: E402

ROUNDS = 5


def best_seconds(work):
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    folder, file = sys.argv[1:]
    path = os.path.join(folder, "tokenizer.json")
    load = best_seconds(lambda: Tokenizer.from_file(path))
    tokenizer = Tokenizer.from_file(path)
    text = pathlib.Path(file).read_bytes().decode()
    megabytes = len(text.encode()) / 1e6
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    whole = best_seconds(lambda: tokenizer.encode(text, add_special_tokens=False))
    paragraphs = text.split("\n\n")
    parts = best_seconds(lambda: [tokenizer.encode(p, add_special_tokens=False) for p in paragraphs])
    decode = best_seconds(lambda: tokenizer.decode(ids, skip_special_tokens=False))
    print(
        f"load {load:.3f} s, whole {megabytes / whole:.1f} MB/s, {len(paragraphs)} paragraphs "
        f"{megabytes / parts:.1f} MB/s, decode {megabytes / decode:.1f} MB/s ({len(ids)} tokens)"
    )


if __name__ == "__main__":
    main()
