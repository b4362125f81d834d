"""Bad input ends with exit code 2 and one line that says what is wrong and where."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from helpers import error_line


NORM = "model.layers.1.input_layernorm.weight"
GRID = ["--lengths", "128", "--depths", "1", "--max-new-tokens", "4"]


@pytest.fixture
def fails(retmask, tmp_path):
    """fails(ARGS..., says=[...]): expects exit code 2, nothing on stdout and one line on stderr with all of `says`."""

    def run(*arguments, says, out=tmp_path / "out"):
        error_line(retmask(*arguments, "--out", out, "--quiet", code=2), says)

    return run


@pytest.fixture
def file(tmp_path):
    """file(NAME, TEXT): writes an input file."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def texts(file):
    return file("texts.jsonl", '{"text": "hello"}\n')


def logprob(model, texts):
    """The shortest command that reads everything in a checkpoint folder."""
    return ["eval", "--model", model, "--suite", "logprob", "--data", texts]


def change_config(model, **changes):
    path = model / "config.json"
    config = json.loads(path.read_text())
    config.update(changes)
    path.write_text(json.dumps(config))


def change_tensors(model, change):
    path = model / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


# Checkpoints


def test_model_folder_is_missing(fails, tmp_path, texts):
    fails(*logprob(tmp_path / "none", texts), says=["model folder", "none", "does not exist"])


def test_weights_are_missing(fails, model, texts):
    (model / "model.safetensors").unlink()
    fails(*logprob(model, texts), says=[model, "neither model.safetensors nor model.safetensors.index.json"])


def test_a_shard_is_missing(fails, model, texts):
    (model / "model.safetensors").rename(model / "model-00001-of-00002.safetensors")
    index = {"weight_map": {NORM: "model-00002-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    fails(*logprob(model, texts), says=["model-00002-of-00002.safetensors", "does not exist"])


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_weights_are_truncated(fails, model, texts, kept):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    fails(*logprob(model, texts), says=[path, "is truncated"])


def test_weights_have_bytes_behind_the_end(fails, model, texts):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"x")
    fails(*logprob(model, texts), says=[path, "1 bytes after its last tensor"])


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{not json", "model.safetensors"),
        (b"[]", "is not a JSON object"),
        (b'{"a": 1}', '"a"'),
        (b'{"a": {"dtype": "F8", "shape": [1], "data_offsets": [0, 1]}}', '"F8"'),
        (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', "[-1]"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}', "needs 4"),
        (b'{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}}', "shape"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}', "data_offsets"),
    ],
)
def test_weights_are_corrupt(fails, model, texts, header, message):
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
    fails(*logprob(model, texts), says=["model.safetensors", message])


def test_weights_are_something_else(fails, model, texts):
    (model / "model.safetensors").write_bytes(b"GGUF" * 100)
    fails(*logprob(model, texts), says=["model.safetensors", "is not a safetensors file"])


def test_tensors_do_not_fit_the_config(fails, model, texts):
    """One error lists all of them."""

    def change(tensors):
        del tensors[NORM]
        tensors["model.layers.9.extra"] = np.zeros(3, np.float32)
        tensors["model.norm.weight"] = np.zeros(31, np.float32)

    change_tensors(model, change)
    fails(*logprob(model, texts), says=[NORM, "model.layers.9.extra", "model.norm.weight", "[31]", "[32]"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mamba"}, ['"mamba"', "llama", "qwen3", "olmo3"]),
        ({"model_type": None}, ['"model_type"']),
        ({"hidden_size": 0}, ['"hidden_size" is 0']),
        ({"hidden_size": -32}, ['"hidden_size" is -32']),
        ({"hidden_size": "32"}, ['"hidden_size"', "type"]),
        ({"hidden_size": 10**15}, ['"hidden_size" is 1000000000000000']),
        ({"num_hidden_layers": 0}, ['"num_hidden_layers" is 0']),
        ({"num_attention_heads": 3}, ["3", "num_key_value_heads"]),
        ({"head_dim": 7}, ["head_dim 7"]),
        ({"vocab_size": 0}, ['"vocab_size" is 0']),
        ({"hidden_act": "gelu"}, ["gelu"]),
        ({"rope_parameters": {"rope_type": "spiral", "rope_theta": 1e4}}, ["spiral"]),
        ({"num_hidden_layers": 5}, ["model.layers.4."]),
    ],
)
def test_config_is_impossible(fails, model, texts, changes, message):
    change_config(model, **changes)
    fails(*logprob(model, texts), says=["config.json", *message])


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_of_the_checkpoint_is_not_json(fails, model, file, name):
    (model / name).write_text('{"a": 1,')
    chat = file("chat.jsonl", '{"messages": [{"role": "user", "content": "hello"}]}')
    fails(*logprob(model, chat), says=[model / name])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_file_of_the_checkpoint_is_missing(fails, model, texts, name):
    (model / name).unlink()
    fails(*logprob(model, texts), says=[name])


# Data files: the error has file and line


@pytest.mark.parametrize("row", ["{broken", "[1]", '{"words": "x"}', '{"text": 1}', '{"prompt": "x"}'])
def test_texts_with_a_bad_row(fails, model, file, row):
    data = file("data.jsonl", '{"text": "fine"}\n\n' + row + "\n")
    fails(*logprob(model, data), says=[f"{data}:3"])


@pytest.mark.parametrize("row", ["{broken", "[1]", '{"words": "x"}', '{"prompt": 5}'])
def test_prompts_with_a_bad_row(fails, model, file, row):
    prompts = file("prompts.jsonl", '{"prompt": "fine"}\n' + row + "\n")
    mask = file("mask.json", '{"heads": [[0, 1]]}')
    fails("synthesize", "--model", model, "--prompts", prompts, "--mask", mask, says=[f"{prompts}:2"])


@pytest.mark.parametrize("row", ["{broken", "[1]", '{"prompt": "x"}', '{"prompt": "x", "chosen": "y", "rejected": []}'])
def test_pairs_with_a_bad_row(fails, model, file, row):
    pairs = file("pairs.jsonl", '{"prompt": "x", "chosen": "y", "rejected": "z"}\n' + row + "\n")
    fails("train-dpo", "--model", model, "--pairs", pairs, says=[f"{pairs}:2"])


@pytest.mark.parametrize("row", ["{broken", "[1]", '{"needle": "x"}', '{"needle": "", "question": "q", "real_needle": "n"}'])
def test_needles_with_a_bad_row(fails, model, file, row):
    good = json.dumps({"needle": "The key is red.", "question": "What is red?", "real_needle": "key"})
    needles = file("needles.jsonl", good + "\n" + row + "\n")
    fails("detect", "--model", model, "--needles", needles, *GRID, says=[f"{needles}:2"])


@pytest.mark.parametrize("content", ["{broken", "[1]", "{}", '{"0-0": "x"}', '{"zero": [1]}', '{"9-0": [1]}', '{"0-0": [1]}'])
def test_scores_are_bad(fails, model, file, content):
    scores = file("scores.json", content)
    fails("mask", "--model", model, "--scores", scores, "--top-k", "1", says=[scores])


@pytest.mark.parametrize("content", ["{broken", "[1]", "{}", '{"heads": [[0]]}', '{"heads": "0-1"}', '{"heads": [[0, "1"]]}'])
def test_mask_is_bad(fails, model, file, texts, content):
    mask = file("mask.json", content)
    fails(*logprob(model, texts), "--mask", mask, says=[mask])


@pytest.mark.parametrize("content", ["", "\n\n"])
@pytest.mark.parametrize("command", ["synthesize", "train-dpo", "eval", "detect"])
def test_an_input_file_is_empty(fails, model, file, command, content):
    empty = file("empty.jsonl", content)
    arguments = {
        "synthesize": ["--prompts", empty, "--mask", file("mask.json", '{"heads": [[0, 1]]}')],
        "train-dpo": ["--pairs", empty],
        "eval": ["--suite", "logprob", "--data", empty],
        "detect": ["--needles", empty, *GRID],
    }
    fails(command, "--model", model, *arguments[command], says=[empty])


# Conflicting values


@pytest.mark.parametrize("head", ["4-0", "0-4", "99-99"])
def test_heads_are_out_of_range(fails, model, file, texts, head):
    layer, number = head.split("-")
    fails("mask", "--model", model, "--heads", f"0-0,{head}", says=[head, "0 to 3"])
    mask = file("mask.json", f'{{"heads": [[0, 0], [{layer}, {number}]]}}')
    fails(*logprob(model, texts), "--mask", mask, says=[mask, head])


@pytest.mark.parametrize("head", ["0", "0-", "a-b", "0-0-0", "-1-0"])
def test_heads_are_no_heads(fails, model, head):
    fails("mask", "--model", model, f"--heads={head}", says=["--heads", head])


def test_more_heads_are_asked_for_than_there_are(fails, model, file):
    scores = file("scores.json", json.dumps({f"{i}-{j}": [0.5] for i in range(4) for j in range(4)}))
    fails("mask", "--model", model, "--scores", scores, "--top-k", "17", says=["17", "16"])


@pytest.mark.parametrize("command", [["detect"], ["eval", "--suite", "niah"]])
def test_needle_is_longer_than_the_context(fails, model, command):
    fails(*command, "--model", model, "--lengths", "3", says=["needle", "context of 3"])


@pytest.mark.parametrize("command", [["detect"], ["eval", "--suite", "niah"]])
def test_context_is_longer_than_the_model_allows(fails, model, command):
    fails(*command, "--model", model, "--lengths", "2048", says=["2048", "maximum of 2048"])


def test_text_is_longer_than_the_model_allows(fails, model, file):
    data = file("long.jsonl", json.dumps({"text": "one two three " * 1000}) + "\n")
    fails(*logprob(model, data), says=[f"{data}:1", "2048"])


def test_pair_is_longer_than_the_model_allows(fails, model, file):
    row = {"prompt": "x", "chosen": "one two three " * 1000, "rejected": "z"}
    pairs = file("long.jsonl", json.dumps(row) + "\n")
    fails("train-dpo", "--model", model, "--pairs", pairs, says=["2048"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["detect", "--lengths", "128", "--depths", "0"], ["--depths is 0"]),
        (["detect", "--lengths", "128,12x", "--depths", "1"], ['--lengths is "12x", expected a whole number']),
        (["synthesize", "--temperature", "warm"], ['--temperature is "warm", expected a number']),
        (["detect", "--lengths", "128,128"], ["128", "twice"]),
        (["detect", "--scoring", "sum"], ["--scoring", "sum", "set"]),
        (["mask"], ["--threshold", "--top-k", "--heads"]),
        (["mask", "--heads", "0-0", "--top-k", "1"], ["--heads", "--top-k"]),
        (["synthesize", "--prompts", "p.jsonl"], ["--mask", "--rejected-model"]),
        (["synthesize", "--prompts", "p.jsonl", "--mask", "m", "--temperature", "-1"], ["temperature", "-1"]),
        (["synthesize", "--prompts", "p.jsonl", "--mask", "m", "--shard", "4/4"], ["--shard", "4/4"]),
        (["train-dpo", "--pairs", "p.jsonl", "--loss", "ppo"], ["--loss", "ppo", "dpo"]),
        (["train-dpo", "--pairs", "p.jsonl", "--beta", "-1"], ["beta", "-1"]),
        (["eval", "--suite", "helm"], ["--suite", "helm", "niah"]),
        (["eval", "--suite", "logprob"], ["--data"]),
    ],
)
def test_option_values_are_checked_before_any_file_is_opened(fails, arguments, says):
    fails(*arguments, "--model", "none", says=says)


def test_cuda_is_asked_for_where_there_is_none(fails, model, texts):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    fails(*logprob(model, texts), "--device", "cuda", says=["--device", "cuda"])


@pytest.mark.parametrize("command", ["detect", "mask", "synthesize", "train-dpo", "eval", "report"])
@pytest.mark.parametrize("place", ["under-a-file", "is-a-file", "read-only"])
def test_out_cannot_be_written(fails, model, file, texts, command, place):
    arguments = {
        "detect": ["--model", model, *GRID],
        "mask": ["--model", model, "--heads", "0-0"],
        "synthesize": ["--model", model, "--prompts", texts, "--mask", file("mask.json", '{"heads": [[0, 1]]}')],
        "train-dpo": ["--model", model, "--pairs", texts],
        "eval": ["--model", model, "--suite", "logprob", "--data", texts],
        "report": ["--runs", model],
    }
    # /proc is read-only even for root.
    out = {"under-a-file": texts / "out", "is-a-file": texts, "read-only": "/proc/retmask/out"}[place]
    fails(command, *arguments[command], out=out, says=["output folder", out])
