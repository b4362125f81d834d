"""Helpers for the tests of retmask synthesize: small runs with variable flags, and what they wrote."""

import json
import os

import pytest

from helpers import read_rows, write_rows


HEADS = [[0, 1], [1, 0], [1, 3], [2, 2], [3, 0]]  # heads of the tiny models (4 layers x 4 heads)
TOPICS = ["rain", "bread", "the moon", "Zürich", "wool", "chess", "salt", "owls", "maps", "tea"]
FINAL_FILES = ["chosen.jsonl.gz", "rejected.jsonl.gz", "pairs.jsonl", "summary.json"]


def write_prompts(path, texts):
    """With the ids p0, p1, ..."""
    rows = [{"id": f"p{i}", "prompt": text} for i, text in enumerate(texts)]
    return write_rows(path, rows)


@pytest.fixture
def prompts(tmp_path):
    return write_prompts(tmp_path / "prompts.jsonl", [f"Tell me something about {topic}." for topic in TOPICS])


@pytest.fixture
def mask(tmp_path):
    path = tmp_path / "mask.json"
    path.write_text(json.dumps({"heads": HEADS}))
    return path


class Synthesize:
    """A small run in float32 with variable flags: synthesize(out, max_new_tokens=8, drop_unfinished=True)."""

    def __init__(self, retmask, **flags):
        self.retmask, self.flags = retmask, flags

    def arguments(self, out, **changes):
        """None omits a flag, True is a flag without value, a list gives several values."""
        arguments = ["synthesize", "--quiet", "--out", str(out)]
        for name, value in (self.flags | changes).items():
            if value is None:
                continue
            values = value if isinstance(value, list) else [] if value is True else [value]
            arguments += ["--" + name.replace("_", "-"), *map(str, values)]
        return arguments

    def __call__(self, out, code=0, env=None, **changes):
        """`env`: variables added to this process's environment."""
        return self.retmask(*self.arguments(out, **changes), code=code, env=os.environ | (env or {}))

    def merge(self, out, code=0, **flags):
        """Runs with the given flags only."""
        return Synthesize(self.retmask)(out, code=code, merge=True, **flags)


@pytest.fixture
def synthesize(retmask, tiny_llama, prompts, mask):
    inputs = dict(model=tiny_llama, prompts=prompts, mask=mask)
    return Synthesize(retmask, **inputs, device="cpu", dtype="float32", seed=7, threads=1, max_new_tokens=40)


def texts(folder, policy):
    rows = read_rows(folder / f"{policy}.jsonl.gz")
    return {row["conversation_id"]: [a["content"] for a in row["synthesized_assistant_responses"]] for row in rows}


def final_bytes(folder):
    return {name: (folder / name).read_bytes() for name in FINAL_FILES}


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())
