"""--mask-mode mean: the means and the masked checkpoints in transformers, the three commands that take it, and its errors."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers import error_line, read_rows, run_record, write_rows

HEADS = [(1, 2), (3, 0), (3, 3)]
HEADS_FLAG = ",".join(f"{layer}-{head}" for layer, head in HEADS)
# More than 2,048 tokens, the length of a sequence.
TEXT = "".join(f"Line {i}: the ferry left pier {i * 7 % 31} at dawn, and {i % 5} gulls followed it home.\n" for i in range(60))
ROWS = [{"text": "The boat left the harbour in the morning."}, {"text": "Nobody minded the rain, or the cold wind of pier 7."}]


def load(folder, dtype=torch.float32):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    assert not any(info[problem] for problem in ["missing_keys", "unexpected_keys", "mismatched_keys"]), info
    return model.eval()


def on_output_projection(model, function):
    """Calls function(layer, [T, heads, head_dim]) on the input of each o_proj, which it may change in place."""
    for layer, module in enumerate(model.model.layers):

        def hook(_, inputs, layer=layer):
            attended = inputs[0].clone()
            function(layer, attended[0].view(-1, model.config.num_attention_heads, attended.shape[-1] // model.config.num_attention_heads))
            return (attended,)

        module.self_attn.o_proj.register_forward_pre_hook(hook)


@torch.no_grad()
def mean_outputs(folder, text):
    """By layer: [heads, head_dim]."""
    model, sums = load(folder), {}
    on_output_projection(model, lambda layer, heads: sums.update({layer: sums.get(layer, 0) + heads.double().sum(0)}))
    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert len(ids) > 2048
    for begin in range(0, len(ids), 2048):
        model(torch.tensor([ids[begin : begin + 2048]]))
    return {layer: total / len(ids) for layer, total in sums.items()}


@torch.no_grad()
def logprobs(model, tokens):
    table = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    return [table[i, token].item() for i, token in enumerate(tokens[1:])]


@pytest.fixture(scope="session")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="session")
def masked(retmask, tiny_model, text_file, tmp_path_factory):
    """A checkpoint of each family in turn, masked by means in float32."""
    out = tmp_path_factory.mktemp("masked") / "out"
    flags = ["--heads", HEADS_FLAG, "--mask-mode", "mean", "--mean-text", text_file, "--device", "cpu"]
    done = retmask("mask", "--model", tiny_model, *flags, "--out", out)
    assert "masked 3 of 16 heads (retrieval, by their means)" in done.stdout
    assert ("vLLM" in done.stderr) == (tiny_model.name != "llama")
    return out


def spec_of(folder):
    return json.loads((folder / "mask.json").read_text())


def test_means_are_those_of_transformers(tiny_model, masked):
    spec, expected = spec_of(masked), mean_outputs(tiny_model, TEXT)
    assert spec["mode"] == "mean" and spec["heads"] == [list(head) for head in HEADS]
    for (layer, head), mean in zip(HEADS, spec["means"], strict=True):
        torch.testing.assert_close(torch.tensor(mean).double(), expected[layer][head], rtol=1e-4, atol=1e-5)


def test_transformers_applies_the_means(tiny_model, masked):
    """The bias of o_proj acts like the means in the place of the heads' outputs."""
    model, original = load(masked), load(tiny_model)
    assert model.config.attention_bias
    biases = {name: tensor for name, tensor in model.state_dict().items() if name.endswith("_proj.bias")}
    changed = {f"model.layers.{layer}.self_attn.o_proj.bias" for layer, _ in HEADS}
    assert len(biases) == 4 * 4 and {name for name, tensor in biases.items() if tensor.any()} == changed
    means = spec_of(masked)["means"]

    def replace(layer, heads):
        for (masked_layer, head), mean in zip(HEADS, means, strict=True):
            if masked_layer == layer:
                heads[:, head] = torch.tensor(mean)

    ids = torch.arange(3, 90)[None]
    with torch.no_grad():
        plain = original(ids).logits
        on_output_projection(original, replace)
        torch.testing.assert_close(model(ids).logits, original(ids).logits, rtol=0, atol=1e-4)
        assert (original(ids).logits - plain).abs().max() > 0.1


def test_eval_with_the_mask_is_the_masked_checkpoint(retmask, tiny_model, masked, text_file, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", ROWS)
    common = ["eval", "--suite", "logprob", "--data", data, "--dtype", "float32", "--device", "cpu"]
    zero = tmp_path / "zero.json"
    zero.write_text(json.dumps({"heads": HEADS}))
    means = ["--mask-mode", "mean", "--mean-text", text_file]
    for name, flags in {
        "checkpoint": ["--model", masked],
        "mask": ["--model", tiny_model, "--mask", masked / "mask.json"],
        "mask again": ["--model", tiny_model, "--mask", masked / "mask.json", "--mask-mode", "mean"],
        "heads": ["--model", tiny_model, "--heads", HEADS_FLAG, *means],
        "from zero": ["--model", tiny_model, "--mask", zero, *means],
        "zero": ["--model", tiny_model, "--mask", zero],
    }.items():
        retmask(*common, *flags, "--out", tmp_path / name)
    rows = {name: read_rows(tmp_path / name / "predictions.jsonl") for name in ["checkpoint", "mask", "mask again", "heads", "from zero", "zero"]}
    assert rows["heads"] == rows["mask"] == rows["mask again"] == rows["from zero"]
    model = load(masked)
    for checkpoint, mask, other in zip(rows["checkpoint"], rows["mask"], rows["zero"], strict=True):
        expected = logprobs(model, mask["tokens"])
        assert mask["logprobs"][1:] == pytest.approx(expected, abs=1e-4)
        assert checkpoint["logprobs"][1:] == pytest.approx(expected, abs=1e-4)
        assert other["logprobs"][1:] != pytest.approx(expected, abs=1e-2)
    assert run_record(tmp_path / "heads")["settled"]["mask-mode"] == "mean"
    assert run_record(tmp_path / "zero")["settled"]["mask-mode"] == "zero"


def test_half_precision_checkpoint(retmask, tiny_llama, text_file, tmp_path):
    load(tiny_llama).bfloat16().save_pretrained(tmp_path / "model")
    (tmp_path / "model/tokenizer.json").write_bytes((tiny_llama / "tokenizer.json").read_bytes())
    flags = ["--heads", HEADS_FLAG, "--mask-mode", "mean", "--mean-text", text_file, "--dtype", "float32"]
    retmask("mask", "--model", tmp_path / "model", *flags, "--out", tmp_path / "masked")
    before, after = load(tmp_path / "model", "auto").state_dict(), load(tmp_path / "masked", "auto").state_dict()
    for layer in [1, 3]:
        projection = f"model.layers.{layer}.self_attn.o_proj."
        expected = torch.zeros(32, dtype=torch.float64)
        for (masked_layer, head), mean in zip(HEADS, spec_of(tmp_path / "masked")["means"], strict=True):
            if masked_layer == layer:
                expected += before[projection + "weight"][:, head * 8 : (head + 1) * 8].double() @ torch.tensor(mean).double()
        assert after[projection + "bias"].dtype == torch.bfloat16
        assert torch.equal(after[projection + "bias"], expected.bfloat16())


def rejected(folder):
    return {row["id"]: row["text"] for row in read_rows(folder / "answers.jsonl") if row["policy"] == "rejected"}


def test_synthesize(retmask, tiny_llama, text_file, tmp_path):
    prompts = write_rows(tmp_path / "prompts.jsonl", [{"prompt": f"What happened at pier {i}?"} for i in range(4)])
    model = ["--model", tiny_llama, "--device", "cpu"]
    means = ["--mask-mode", "mean", "--mean-text", text_file]
    retmask("mask", *model, "--heads", HEADS_FLAG, "--spec-only", "--out", tmp_path / "zero")
    retmask("mask", *model, "--heads", HEADS_FLAG, *means, "--spec-only", "--out", tmp_path / "mean")
    common = ["synthesize", *model, "--prompts", prompts, "--max-new-tokens", 16]
    runs = {
        "by heads": ["--heads", HEADS_FLAG, *means],
        "by mask": ["--mask", tmp_path / "zero/mask.json", *means],
        "by means": ["--mask", tmp_path / "mean/mask.json"],
        "by zeros": ["--mask", tmp_path / "zero/mask.json"],
        "workers": ["--heads", HEADS_FLAG, *means, "--workers", 2],
    }
    for name, flags in runs.items():
        done = retmask(*common, *flags, "--out", tmp_path / name)
        # Workers use what the parent process has measured.
        measured = sum("mean outputs" in line and "took" in line for line in done.stderr.splitlines())
        assert measured == (0 if name in ["by means", "by zeros"] else 1), done.stderr
    texts = {name: rejected(tmp_path / name) for name in runs if name != "workers"}
    assert texts["by heads"] == texts["by mask"] == texts["by means"] != texts["by zeros"]
    pairs = [(tmp_path / name / "pairs.jsonl").read_bytes() for name in ["by heads", "workers"]]
    assert pairs[0] == pairs[1]
    for name in ["by heads", "by mask", "workers"]:
        assert spec_of(tmp_path / name)["means"] == spec_of(tmp_path / "mean")["means"]
    assert run_record(tmp_path / "by means")["settled"]["mask-mode"] == "mean"

    # A run that goes on keeps its means, and its mode.
    again = retmask(*common, *runs["by heads"], "--samples", 2, "--out", tmp_path / "by heads")
    assert "mean outputs" not in again.stderr
    assert spec_of(tmp_path / "by heads")["means"] == spec_of(tmp_path / "mean")["means"]
    failed = retmask(*common, "--heads", HEADS_FLAG, "--out", tmp_path / "by heads", code=2)
    error_line(failed, ["mask-mode", "mean", "zero"])
    text_file_2 = tmp_path / "other.txt"
    text_file_2.write_text(TEXT + "More.")
    failed = retmask(*common, "--heads", HEADS_FLAG, "--mask-mode", "mean", "--mean-text", text_file_2, "--out", tmp_path / "by heads", code=2)
    error_line(failed, ["mean-text has changed"])


def test_built_in_text_and_folders(retmask, tiny_llama, text_file, tmp_path):
    flags = ["mask", "--model", tiny_llama, "--heads", "1-2", "--mask-mode", "mean", "--spec-only", "--device", "cpu"]
    parts = tmp_path / "haystack"
    for number, half in enumerate([TEXT[:3000], TEXT[3001:]], start=1):
        (parts / f"part{number}").mkdir(parents=True)
        (parts / f"part{number}/a.txt").write_text(half)
    assert TEXT[3000] != "\n"
    joined = tmp_path / "joined.txt"
    joined.write_text(TEXT[:3000] + "\n" + TEXT[3001:])
    for name, text in {"built-in": [], "folder": ["--mean-text", parts], "file": ["--mean-text", joined]}.items():
        retmask(*flags, *text, "--out", tmp_path / name)
    specs = {name: spec_of(tmp_path / name) for name in ["built-in", "folder", "file"]}
    assert specs["folder"]["means"] == specs["file"]["means"] != specs["built-in"]["means"]
    assert specs["built-in"]["mean_text"]["source"] is None
    assert specs["folder"]["mean_text"]["sha256"] == specs["file"]["mean_text"]["sha256"]
    # The same again, on other threads.
    retmask(*flags, "--threads", 1, "--out", tmp_path / "again")
    assert spec_of(tmp_path / "again") == specs["built-in"]


def test_errors(retmask, tiny_llama, text_file, tmp_path):
    prompts = write_rows(tmp_path / "prompts.jsonl", [{"prompt": "Hello"}])
    data = write_rows(tmp_path / "rows.jsonl", ROWS)
    mean, other = tmp_path / "mask.json", tmp_path / "other.json"
    for path, head_dim in [(mean, 8), (other, 2)]:
        path.write_text(json.dumps({"heads": HEADS, "mode": "mean", "means": [[0.5] * head_dim] * 3}))
    (tmp_path / "blank.txt").write_text(" \n")
    evaluate = ["eval", "--model", tiny_llama, "--suite", "logprob", "--data", data]
    synthesize = ["synthesize", "--model", tiny_llama, "--prompts", prompts]
    mask = ["mask", "--model", tiny_llama, "--heads", "1-2"]
    for flags, said in [
        ([*mask, "--mask-mode", "median"], ['--mask-mode is "median"', "zero, mean"]),
        ([*mask, "--mean-text", text_file], ["--mean-text", "need --mask-mode mean"]),
        ([*mask, "--mask-mode", "zero", "--mean-text", text_file], ["--mean-text", "need --mask-mode mean"]),
        ([*mask, "--mask-mode", "mean", "--mean-text", tmp_path / "none"], ["none", "does not exist"]),
        ([*mask, "--mask-mode", "mean", "--mean-text", tmp_path / "blank.txt"], ["blank.txt", "no text"]),
        ([*mask, "--mask-mode", "mean", "--device", "tpu"], ["--device"]),
        ([*evaluate, "--mask-mode", "mean"], ["--mask-mode", "--mask or --heads"]),
        ([*evaluate, "--mask", other], ["other.json", "1-2", "8 numbers"]),
        ([*synthesize, "--rejected-model", tiny_llama, "--mask-mode", "zero"], ["--mask-mode", "--mask, --scores or --heads"]),
        ([*synthesize, "--mask", other], ["other.json", "1-2", "8 numbers"]),
    ]:
        error_line(retmask(*flags, "--out", tmp_path / "out", code=2), said)
    for command in [evaluate, synthesize]:
        for flags, said in [
            (["--mask-mode", "zero"], ["--mask-mode is zero", "mask.json", "is mean"]),
            (["--mask-mode", "mean", "--mean-text", text_file], ["--mean-text is not used", "mask.json"]),
        ]:
            error_line(retmask(*command, "--mask", mean, *flags, "--out", tmp_path / "out", code=2), said)
