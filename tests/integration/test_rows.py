"""Rows of data: the same row means the same in every kind of file, and what TRL makes of it."""

import json
import os
import subprocess

import datasets
import pyarrow
import pyarrow.parquet
import pytest
from transformers import AutoTokenizer
from trl.data_utils import extract_prompt

from conftest import ROOT

TINY = ROOT / "tests/golden/tiny/llama"
BINARY = ROOT / os.environ.get("RETMASK_BUILD_DIR", "build/release") / "retmask"


def talk(question, answer):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


PAIRS = [
    {"chosen": talk(f"Question {i}?", f"Good {i}"), "rejected": talk(f"Question {i}?", f"Bad {i}")} for i in range(4)
]


def train(out, pairs, **options):
    command = [BINARY, "train-dpo", "--model", TINY, "--pairs", pairs, "--global-batch-size", "4", "--epochs", "1",
               "--no-shuffle", "--dtype", "float32", "--threads", "1", "--quiet", "--out", out]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "metrics.jsonl").read_text().splitlines()[0])


def write(path, rows):
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text("\ufeff" + json.dumps(rows, indent=1))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_pairs_are_the_same_in_every_kind_of_file(tmp_path):
    explicit = [extract_prompt(row) for row in PAIRS]
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokens = sum(len(tokenizer.apply_chat_template(row[key])["input_ids"]) for row in PAIRS
                 for key in ("chosen", "rejected"))
    rows = [train(tmp_path / "lines", write(tmp_path / "a.jsonl", explicit))]
    rows.append(train(tmp_path / "parquet", write(tmp_path / "a.parquet", PAIRS)))
    rows.append(train(tmp_path / "array", write(tmp_path / "a.json", PAIRS)))
    rows.append(train(tmp_path / "pipe", "-", input="".join(json.dumps(row) + "\n" for row in PAIRS)))
    for row in rows:
        assert row["tokens"] == tokens
        assert row["loss"] == rows[0]["loss"]


def test_what_datasets_writes_is_read(tmp_path):
    """Tool calls of mixed types, which datasets keeps as JSON."""
    features = datasets.Features({"id": datasets.Value("string"), "messages": datasets.List(datasets.Json())})
    messages = [
        {"role": "user", "content": "Rain?"},
        {"role": "assistant", "content": None,
         "tool_calls": [{"type": "function", "function": {"name": "rain", "arguments": {"days": 2}}}]},
        {"role": "tool", "content": "no"},
        {"role": "user", "content": "And snow?"},
    ]
    rows = datasets.Dataset.from_dict({"id": ["x"], "messages": [messages]}, features=features)
    rows.to_parquet(str(tmp_path / "rows.parquet"))
    command = [BINARY, "synthesize", "--model", TINY, "--prompts", tmp_path / "rows.parquet", "--strategy", "sft",
               "--turns", "all", "--max-new-tokens", "2", "--dtype", "float32", "--threads", "1", "--quiet",
               "--out", tmp_path / "out"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "out/sft.jsonl").read_text())
    assert row["messages"][:-1] == [{**m, "content": m["content"] or ""} for m in messages]
    assert row["id"] == "x"


@pytest.mark.parametrize("stdin", [subprocess.PIPE, subprocess.DEVNULL])
def test_an_empty_standard_input_is_an_error(tmp_path, stdin):
    command = [BINARY, "train-dpo", "--model", TINY, "--pairs", "/dev/stdin", "--out", tmp_path / "out"]
    feed = {"input": ""} if stdin == subprocess.PIPE else {"stdin": stdin}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **feed)
    assert done.returncode == 2 and "no rows" in done.stderr, done.stderr
