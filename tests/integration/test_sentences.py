"""Sentences of texts as our Punkt and NLTK's split them, with the model that NLTK publishes."""

import gzip
import json
import random
import subprocess

import nltk.data
from helpers import punkt_folder
from nltk.tokenize.punkt import PunktTokenizer

PIECES = [
    *[". ", ".", "? ", "!", "...", ". . . ", "?!", ".) ", '." ', ".' ", ".]", ".}", "--", " -- ", "-", ", ", ",", "; ", ": ", ":", "(", ")"],
    *[" ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u3000", "\x1c", '"', "'", "[1]", "[2][3].", "*", "@", "#", "&", "`", "{", "?", "e.g. "],
    *["Mr. ", "Dr. Smith", "U.S. ", "U.S.A.", "i.e. ", "etc. ", "St. ", "No. 5", "p.m. ", "Inc. The", "J. K. ", "A. ", "b. ", "Ph.D. ", "vs. "],
    *["3.14", "1,000.", "-5.", ".5 ", "1. ", "2.The", "$3.", "10.000,00", "٣.", "²", "İ. ", "ß. ", "É. ", "Ǆ", "日本。", "…", "“Yes.” ", "😀. "],
    *["the ", "The ", "and", "In ", "however ", "He said ", "x", "X", "I. ", "alice", "_a. ", "_. ", "jan. ", "Sept. 3", "co-op. ", "well-known. "],
]


def drawn_texts(count):
    draw = random.Random(20261130)
    return ["".join(draw.choice(PIECES) for _ in range(draw.randint(1, 40))) for _ in range(count)]


def spoiled(text, draw):
    """With a few characters removed, doubled or replaced by pieces."""
    for _ in range(draw.randint(0, 6)):
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(["", text[at : at + 1], draw.choice(PIECES)]) + text[at + draw.randint(0, 2) :]
    return text


def real_texts(shared):
    """Passages of Wikipedia, each also spoiled."""
    draw = random.Random(7)
    file = shared / "data/benchmarks/nq-open-oracle.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        passages = [ctx["text"] for line in lines for ctx in json.loads(line)["ctxs"]][:1500]
    assert len(passages) == 1500
    return passages + [spoiled(passage, draw) for passage in passages]


def check(retmask, texts):
    folder = punkt_folder()
    nltk.data.path.insert(0, str(folder.parents[2]))
    reference = PunktTokenizer("english")
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([retmask.binary.parent / "tests/sentence_tool", folder], input=lines.encode(), capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    ours = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    assert len(ours) == len(texts)
    differences = [(text, theirs, own) for text, own in zip(texts, ours) if own != (theirs := reference.tokenize(text))]
    shown = "\n".join(f"{text!r}\n  NLTK {theirs!r}\n  ours {own!r}" for text, theirs, own in differences[:10])
    assert not differences, f"{len(differences)} of {len(texts)} differ:\n{shown}"


def test_drawn_texts(retmask):
    check(retmask, drawn_texts(5000))


def test_passages(retmask, shared):
    check(retmask, real_texts(shared))
