"""Data rows: the same row has the same meaning in every file format and in TRL."""

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
from helpers import expect_one_line, read_rows, write_rows

TINY = ROOT / "tests/golden/tiny/llama"


def talk(question, answer):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


PAIRS = [
    {"chosen": talk(f"Question {i}?", f"Good {i}"), "rejected": talk(f"Question {i}?", f"Bad {i}")} for i in range(4)
]


def train(retmask, out, pairs, **options):
    retmask("train-dpo", "--model", TINY, "--pairs", pairs, "--global-batch-size", 4, "--epochs", 1,
            "--no-shuffle", "--dtype", "float32", "--threads", 1, "--quiet", "--out", out, **options)  # fmt: skip
    return read_rows(out / "metrics.jsonl")[0]


def write(path, rows):
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text("\ufeff" + json.dumps(rows, indent=1))
    else:
        write_rows(path, rows)
    return path


def test_pairs_are_the_same_in_every_kind_of_file(retmask, tmp_path):
    explicit = [extract_prompt(row) for row in PAIRS]
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokens = sum(len(tokenizer.apply_chat_template(row[key])["input_ids"]) for row in PAIRS
                 for key in ("chosen", "rejected"))
    rows = [train(retmask, tmp_path / "lines", write(tmp_path / "a.jsonl", explicit))]
    rows.append(train(retmask, tmp_path / "parquet", write(tmp_path / "a.parquet", PAIRS)))
    rows.append(train(retmask, tmp_path / "array", write(tmp_path / "a.json", PAIRS)))
    rows.append(train(retmask, tmp_path / "pipe", "-", input="".join(json.dumps(row) + "\n" for row in PAIRS)))
    for row in rows:
        assert row["tokens"] == tokens
        assert row["loss"] == rows[0]["loss"]


def test_what_datasets_writes_is_read(retmask, tmp_path):
    """Tool calls with mixed types, which datasets stores as JSON."""
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
    retmask("synthesize", "--model", TINY, "--prompts", tmp_path / "rows.parquet", "--strategy", "sft",
            "--turns", "all", "--max-new-tokens", 2, "--dtype", "float32", "--threads", 1, "--quiet",
            "--out", tmp_path / "out")  # fmt: skip
    [row] = read_rows(tmp_path / "out/sft.jsonl")
    assert row["messages"][:-1] == [{**m, "content": m["content"] or ""} for m in messages]
    assert row["id"] == "x"


@pytest.mark.parametrize("stdin", [subprocess.PIPE, subprocess.DEVNULL])
def test_an_empty_standard_input_is_an_error(retmask, tmp_path, stdin):
    feed = {"input": ""} if stdin == subprocess.PIPE else {"stdin": stdin}
    done = retmask("train-dpo", "--model", TINY, "--pairs", "/dev/stdin", "--out", tmp_path / "out", code=2, **feed)
    assert "no rows" in done.stderr, done.stderr


def test_a_shells_pipe_is_a_file_of_rows(retmask, tmp_path):
    """<(...) is a path with a different number at every start."""
    rows = write(tmp_path / "rows.jsonl", PAIRS)
    expected = train(retmask, tmp_path / "file", rows)
    flags = ["--global-batch-size", 4, "--epochs", 1, "--no-shuffle", "--dtype", "float32", "--threads", 1, "--quiet"]

    def train_from_pipe():
        command = ["bash", "-c", f'exec "$0" "$@" --pairs <(cat {rows})', retmask.binary, "train-dpo", "--model", TINY,
                   *flags, "--out", tmp_path / "pipe"]  # fmt: skip
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)

    for _ in range(2):
        done = train_from_pipe()
        assert done.returncode == 0, done.stderr
    assert [row["loss"] for row in read_rows(tmp_path / "pipe/metrics.jsonl")] == [expected["loss"]]
    rows.write_text(rows.read_text().replace("Good", "Best"))
    done = train_from_pipe()
    assert done.returncode == 2 and "the input pairs has changed" in done.stderr


@pytest.mark.parametrize("command", ["train-dpo --pairs", "eval --suite logprob --data", "synthesize --strategy sft --prompts"])
def test_a_named_pipe_is_refused(retmask, tmp_path, command):
    """A pipe can be read only once; nothing waits for its writer."""
    os.mkfifo(tmp_path / "rows.jsonl")
    done = retmask(*command.split(), tmp_path / "rows.jsonl", "--model", TINY, "--out", tmp_path / "out", code=2)
    expect_one_line(done, ["is a stream, which can be read only once; give a file"])


@pytest.mark.parametrize("command", ["train-dpo --pairs", "eval --suite logprob --data", "synthesize --strategy sft --prompts"])
def test_a_row_whose_template_fails_is_named(retmask, tmp_path, command):
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((TINY / name).read_bytes())
    config = json.loads((TINY / "tokenizer_config.json").read_text())
    config["chat_template"] = "{% if messages[0].content == 'no' %}{{ raise_exception('not this one') }}{% endif %}"
    config["chat_template"] += "{% for m in messages %}{{ m.content }};{% endfor %}"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "chat_template.jinja").unlink(missing_ok=True)
    rows = [{"messages": talk(text, "x"), "prompt": talk(text, "x")[:1], "chosen": talk(text, "x")[1:],
             "rejected": talk(text, "y")[1:]} for text in ("yes", "no")]
    if "eval" in command:
        rows = [{"messages": row["messages"]} for row in rows]
    if "synthesize" in command:
        rows = [{"prompt": row["messages"][0]["content"]} for row in rows]
    data = write(tmp_path / "rows.jsonl", rows)
    more = ["--max-new-tokens", "4"] if "synthesize" in command else []
    out = tmp_path.parent / f"{tmp_path.name}-out"
    done = retmask(*command.split(), data, "--model", tmp_path, "--dtype", "float32", *more, "--out", out, code=2)
    assert f"{data}:2: " in done.stderr and "not this one" in done.stderr, done.stderr
    assert done.stderr.count(f"{data}:2") == 1
