"""retmask eval: log-probs and needles, against transformers and with masked heads."""

import json
import pathlib
import shutil

import pytest
import torch
from helpers import error_line
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT_ROWS = [
    {"text": "The boat left the harbour in the morning, and nobody minded the rain."},
    {"id": "unicode", "text": "Caf\u00e9 na\u00efve \u2014 \u6771\u4eac \U0001f600 end."},
    {"messages": [{"role": "user", "content": "Where is the key?"}, {"role": "assistant", "content": "Under the stone."}]},
    {"id": 7, "prompt": "The key is under", "completion": " the old blue stone."},
    {"prompt": "The key is under ", "completion": "the old blue stone."},
]


def encode(tokenizer, row):
    if "text" in row:
        return tokenizer.encode(row["text"])
    if "messages" in row:
        return tokenizer.encode(tokenizer.apply_chat_template(row["messages"], tokenize=False), add_special_tokens=False)
    return tokenizer.encode(row["prompt"] + row["completion"])


@torch.no_grad()
def logprobs(model, tokens):
    table = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    return [table[i, token].item() for i, token in enumerate(tokens[1:])]


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_logprobs_equal(retmask, model_dir, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", TEXT_ROWS)
    common = ["--model", model_dir, "--suite", "logprob", "--dtype", "float32", "--device", "cpu"]
    retmask("eval", *common, "--data", data, "--out", tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    predictions = read_rows(tmp_path / "out/predictions.jsonl")
    assert [row["id"] for row in predictions] == [0, "unicode", 2, 7, 4]
    for row, prediction in zip(TEXT_ROWS, predictions, strict=True):
        tokens = encode(tokenizer, row)
        expected = logprobs(model, tokens)
        assert prediction["tokens"] == tokens
        assert prediction["logprobs"][0] is None
        assert prediction["logprobs"][1:] == pytest.approx(expected, abs=1e-4)
        assert prediction["sum"] == pytest.approx(sum(expected), abs=1e-3)
        assert prediction["mean"] == pytest.approx(sum(expected) / len(expected), abs=1e-4)
        if "prompt" in row:
            start = len(tokenizer.encode(row["prompt"].rstrip()))
            assert prediction["completion_start"] == start
            assert prediction["completion_sum"] == pytest.approx(sum(expected[start - 1 :]), abs=1e-3)


def test_logprobs_equal_transformers(retmask, tiny_model, tmp_path):
    assert_logprobs_equal(retmask, tiny_model, tmp_path)


def test_smollm2_logprobs_equal_transformers(retmask, demo_model, tmp_path):
    assert_logprobs_equal(retmask, demo_model, tmp_path)


def test_logprobs_with_a_mask_are_the_masked_checkpoints(retmask, tiny_llama, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", TEXT_ROWS)
    retmask("mask", "--model", tiny_llama, "--heads", "0-1,3-2", "--out", tmp_path / "masked")
    common = ["--suite", "logprob", "--data", data, "--dtype", "float32"]
    mask = tmp_path / "masked/mask.json"
    retmask("eval", "--model", tiny_llama, *common, "--out", tmp_path / "plain")
    retmask("eval", "--model", tiny_llama, *common, "--mask", mask, "--out", tmp_path / "gate")
    retmask("eval", "--model", tiny_llama, *common, "--heads", "3-2,0-1", "--out", tmp_path / "heads")
    retmask("eval", "--model", tmp_path / "masked", *common, "--out", tmp_path / "checkpoint")
    sums = {
        name: [row["sum"] for row in read_rows(tmp_path / name / "predictions.jsonl")]
        for name in ["plain", "gate", "heads", "checkpoint"]
    }
    assert sums["gate"] == pytest.approx(sums["checkpoint"], abs=1e-3)
    assert sums["heads"] == sums["gate"]
    compute = json.loads((tmp_path / "gate/run.json").read_text())["compute"]
    assert compute == "cpu: own kernels" or compute.startswith("cuda: ")
    assert sums["gate"] != pytest.approx(sums["plain"], abs=1e-1)


def test_niah_answers_are_those_of_detect(retmask, tiny_llama, tmp_path):
    grid = ["--model", tiny_llama, "--lengths", "120,160", "--depths", 2, "--max-new-tokens", 12]
    retmask("detect", *grid, "--out", tmp_path / "detect")
    retmask("eval", *grid, "--suite", "niah", "--out", tmp_path / "eval")
    results = json.loads((tmp_path / "eval/results.json").read_text())
    samples = read_rows(tmp_path / "detect/samples.jsonl")
    assert results["total"] == len(results["cells"]) == len(samples) == 12
    for cell, sample in zip(results["cells"], samples):
        for key in ["needle", "length", "depth", "depth_fraction", "recall", "answer"]:
            assert cell[key] == sample[key]
        assert cell["success"] == sample["right"]


MISTAKES = {
    "unknown suite": (["--suite", "helm"], "expected one of: niah, logprob"),
    "no data": (["--suite", "logprob"], "needs --data"),
    "missing data": (["--suite", "logprob", "--data", "none.jsonl"], "none.jsonl"),
    "context longer than the model": (["--suite", "niah", "--lengths", 4000], "exceeds the model's maximum of 2048"),
    "missing mask": (["--suite", "niah", "--lengths", 120, "--mask", "none.json"], "none.json"),
}


def test_max_samples_are_the_first_rows(retmask, tiny_llama, tmp_path):
    data = tmp_path / "texts.jsonl"
    write_rows(data, [{"text": text} for text in ["The river", "a stone in the river", "lantern", "seven stones"]])
    flags = ["eval", "--suite", "logprob", "--model", tiny_llama, "--data", data, "--dtype", "float32"]
    retmask(*flags, "--out", tmp_path / "all")
    retmask(*flags, "--max-samples", 2, "--out", tmp_path / "some")
    assert read_rows(tmp_path / "some/predictions.jsonl") == read_rows(tmp_path / "all/predictions.jsonl")[:2]
    wrong = retmask(*flags, "--max-samples", 0, "--out", tmp_path / "none", code=2)
    error_line(wrong, ["--max-samples is 0, expected at least 1"])


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(retmask, tiny_llama, tmp_path, name):
    flags, message = MISTAKES[name]
    done = retmask("eval", "--model", tiny_llama, *flags, "--out", tmp_path / "out", code=2)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("retmask: error: ") and message in lines[0], done.stderr


ROW_MISTAKES = {
    "not JSON": ("{", "rows.jsonl:2"),
    "empty text": (json.dumps({"text": ""}), 'rows.jsonl:2: "text" is empty'),
    "other form": (json.dumps({"question": "?"}), "rows.jsonl:2: expected one of"),
    "too long": (json.dumps({"text": "the " * 3000}), "more than the model's maximum of 2048"),
}


@pytest.mark.parametrize("name", ROW_MISTAKES)
def test_mistakes_in_the_data_name_file_and_line(retmask, tiny_llama, tmp_path, name):
    line, message = ROW_MISTAKES[name]
    data = tmp_path / "rows.jsonl"
    data.write_text(json.dumps({"text": "fine"}) + "\n" + line + "\n")
    flags = ["--suite", "logprob", "--data", data, "--out", tmp_path / "out"]
    done = retmask("eval", "--model", tiny_llama, *flags, code=2)
    assert len(done.stderr.splitlines()) == 1 and message in done.stderr, done.stderr


@pytest.mark.slow
def test_masking_retrieval_heads_breaks_retrieval_and_others_do_not(
    retmask, demo_model, official_needles, smollm2_detection, tmp_path
):
    """15 samples, of which the whole model answers 9."""
    success = {}
    for select in ["retrieval", "non-retrieval"]:
        flags = ["--scores", smollm2_detection / "head_scores.json", "--top-k", 20, "--select", select, "--spec-only"]
        retmask("mask", "--model", demo_model, *flags, "--out", tmp_path / select)
        mask = tmp_path / select / "mask.json"
        out = tmp_path / f"eval-{select}"
        flags = ["--suite", "niah", "--mask", mask, *official_needles, "--lengths", 256]
        retmask("eval", "--model", demo_model, *flags, "--out", out)
        success[select] = json.loads((out / "results.json").read_text())["success"]
    assert success["retrieval"] <= 1
    assert success["non-retrieval"] >= 7


def test_longer_than_max_position_embeddings(retmask, tmp_path):
    """The published recipe for long contexts raises the limit; longer inputs need --max-position."""
    folder = tmp_path / "model"
    shutil.copytree(ROOT / "tests/golden/tiny/qwen3", folder)
    config = json.loads((folder / "config.json").read_text())
    del config["rope_parameters"]
    config |= {"max_position_embeddings": 160, "rope_theta": 1e6}
    config["rope_scaling"] = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
    (folder / "config.json").write_text(json.dumps(config))
    data = write_rows(tmp_path / "rows.jsonl", [{"text": " the boat" * 100}])
    flags = ["eval", "--model", folder, "--suite", "logprob", "--dtype", "float32", "--device", "cpu", "--data", data]
    retmask(*flags, "--out", tmp_path / "out")
    prediction = read_rows(tmp_path / "out/predictions.jsonl")[0]
    assert 160 < len(prediction["tokens"]) <= 512
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert prediction["logprobs"][1:] == pytest.approx(logprobs(model, prediction["tokens"]), abs=1e-4)

    config["rope_scaling"]["factor"] = 1.0
    (folder / "config.json").write_text(json.dumps(config))
    done = retmask(*flags, "--out", tmp_path / "refused", code=2)
    assert "more than the model's maximum of 160; shorten it or, if the model can, give --max-position" in done.stderr
    done = retmask(*flags, "--max-position", 512, "--out", tmp_path / "longer")
    assert "--max-position 512 instead of the 160" in done.stderr
