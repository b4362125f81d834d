"""retmask mask: the masked checkpoint in transformers, and input errors."""

import json
import resource
import shutil
import subprocess

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers import error_line, read_rows, run_record, wait_for, write_rows

HEADS = [(1, 2), (3, 0), (3, 3)]
HEADS_FLAG = ",".join(f"{layer}-{head}" for layer, head in HEADS)


def load(folder, **options):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto", **options).eval()


def masked_columns(config, head):
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return slice(head * head_dim, (head + 1) * head_dim)


def assert_masked(original, masked, heads):
    """Exactly the columns of `heads` are zero; all other bits are unchanged."""
    before, after = original.state_dict(), masked.state_dict()
    assert before.keys() == after.keys()
    expected = {name: tensor.clone() for name, tensor in before.items()}
    for layer, head in heads:
        weight = expected[f"model.layers.{layer}.self_attn.o_proj.weight"]
        assert weight[:, masked_columns(original.config, head)].any()
        weight[:, masked_columns(original.config, head)] = 0
    for name in expected:
        assert after[name].dtype == expected[name].dtype, name
        assert torch.equal(after[name], expected[name]), name


def write_scores(path, scores, layers=4, heads=4, samples=2):
    """`scores`: means by (layer, head); the others get 0."""
    table = {
        f"{layer}-{head}": [scores.get((layer, head), 0.0)] * samples for layer in range(layers) for head in range(heads)
    }
    path.write_text(json.dumps(table))
    return path


def expect_mistake(retmask, *args, contains):
    error_line(retmask("mask", *args, code=2), [contains] if isinstance(contains, str) else contains)


def test_transformers_loads_the_masked_checkpoint(retmask, tiny_model, tmp_path):
    done = retmask("mask", "--model", tiny_model, "--heads", HEADS_FLAG, "--out", tmp_path / "masked")
    assert "masked 3 of 16 heads" in done.stdout
    original, masked = load(tiny_model), load(tmp_path / "masked")
    assert_masked(original, masked, HEADS)
    assert json.loads((tmp_path / "masked/mask.json").read_text())["heads"] == [list(head) for head in HEADS]
    for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"]:
        assert (tmp_path / "masked" / name).read_bytes() == (tiny_model / name).read_bytes()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "masked")
    assert tokenizer.apply_chat_template([{"role": "user", "content": "Hello"}], tokenize=False)


def test_masking_is_switching_the_head_off(retmask, tiny_model, tmp_path):
    """Zero columns of W_o equal a zero attention output."""
    retmask("mask", "--model", tiny_model, "--heads", HEADS_FLAG, "--out", tmp_path / "masked")
    original, masked = load(tiny_model), load(tmp_path / "masked")

    def gate(layer):
        def hook(_, inputs):
            output = inputs[0].clone()
            for masked_layer, head in HEADS:
                if masked_layer == layer:
                    output[..., masked_columns(original.config, head)] = 0
            return (output,)

        return hook

    for layer, module in enumerate(original.model.layers):
        module.self_attn.o_proj.register_forward_pre_hook(gate(layer))
    ids = torch.arange(3, 60)[None]
    options = dict(max_new_tokens=16, do_sample=False)
    with torch.no_grad():
        torch.testing.assert_close(masked(ids).logits, original(ids).logits, rtol=0, atol=1e-5)
    assert torch.equal(masked.generate(ids, **options), original.generate(ids, **options))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sharded_half_precision(retmask, tiny_llama, tmp_path, dtype):
    load(tiny_llama).to(dtype).save_pretrained(tmp_path / "model", max_shard_size=20_000)
    assert (tmp_path / "model/model.safetensors.index.json").exists()
    flags = ["--heads", HEADS_FLAG, "--max-shard-bytes", 30_000]
    retmask("mask", "--model", tmp_path / "model", *flags, "--out", tmp_path / "masked")
    index = json.loads((tmp_path / "masked/model.safetensors.index.json").read_text())
    shards = set(index["weight_map"].values())
    assert len(shards) > 1
    assert all((tmp_path / "masked" / shard).stat().st_size < 40_000 for shard in shards)
    original, masked = load(tmp_path / "model"), load(tmp_path / "masked")
    assert masked.dtype == dtype
    assert_masked(original, masked, HEADS)


def test_selections(retmask, tiny_llama, tmp_path):
    scores = write_scores(tmp_path / "scores.json", {(2, 1): 0.9, (1, 0): 0.3, (0, 2): 0.1, (3, 3): 0.3})

    def heads(name, *flags):
        common = ["--model", tiny_llama, "--scores", scores, "--spec-only", "--out", tmp_path / name]
        done = retmask("mask", *common, *flags)
        assert sorted(p.name for p in (tmp_path / name).iterdir()) == ["mask.json", "run.json"]
        assert done.stdout.splitlines()[0] == "head   mean score of 2 samples"
        return json.loads((tmp_path / name / "mask.json").read_text())["heads"]

    retrieval = [[0, 2], [1, 0], [2, 1], [3, 3]]
    assert heads("threshold", "--threshold", 0.1) == retrieval
    assert heads("top", "--top-k", 2) == [[1, 0], [2, 1]]
    others = heads("others", "--top-k", 4, "--select", "non-retrieval", "--seed", 1)
    assert len(others) == 4 and not any(head in retrieval for head in others)
    assert heads("again", "--top-k", 4, "--select", "non-retrieval", "--seed", 1) == others
    assert heads("seed", "--top-k", 4, "--select", "non-retrieval", "--seed", 2) != others
    assert len(heads("random", "--top-k", 7, "--select", "random")) == 7


def test_config_file(retmask, tiny_llama, tmp_path):
    (tmp_path / "mask.toml").write_text('[mask]\nheads = ["1-2", "3-0"]\nspec-only = true\n')
    retmask("mask", "--config", tmp_path / "mask.toml", "--model", tiny_llama, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out/mask.json").read_text())["heads"] == [[1, 2], [3, 0]]


def test_the_same_command_again(retmask, tiny_llama, tmp_path):
    flags = ["--model", tiny_llama, "--heads", "0-0", "--out", tmp_path / "out"]
    retmask("mask", *flags)
    before = (tmp_path / "out/model.safetensors").read_bytes()
    retmask("mask", *flags)
    assert (tmp_path / "out/model.safetensors").read_bytes() == before
    expect_mistake(retmask, *flags, "--select", "random", contains="other options: select")


def test_masking_a_masked_checkpoint(retmask, tiny_llama, tmp_path):
    """The second run does not inherit run.json and mask.json of the first."""
    retmask("mask", "--model", tiny_llama, "--heads", "0-0", "--out", tmp_path / "one")
    retmask("mask", "--model", tmp_path / "one", "--heads", "1-2", "--out", tmp_path / "two")
    assert json.loads((tmp_path / "two/mask.json").read_text())["heads"] == [[1, 2]]
    assert_masked(load(tmp_path / "one"), load(tmp_path / "two"), [(1, 2)])


def test_bad_flags(retmask, tiny_llama, tmp_path):
    scores = write_scores(tmp_path / "scores.json", {(2, 1): 0.9})
    common = ["--model", tiny_llama, "--out", tmp_path / "out"]
    for flags, message in [
        ([], "none of --threshold, --top-k and --heads"),
        (["--top-k", 2, "--heads", "0-0", "--scores", scores], "more than one of --threshold, --top-k and --heads"),
        (["--top-k", 2], "--scores is required"),
        (["--top-k", 0, "--scores", scores], "--top-k is 0"),
        (["--top-k", "two", "--scores", scores], "--top-k"),
        (["--threshold", 0, "--scores", scores], "--threshold is 0"),
        (["--top-k", 2, "--scores", scores, "--select", "others"], "retrieval, non-retrieval, random"),
        (["--top-k", 2, "--scores", scores, "--topk", 3], "unknown flag --topk"),
        (["--heads", "0-0", "--dtype", "int8"], "--dtype"),
    ]:
        expect_mistake(retmask, *common, *flags, contains=message)
        assert not (tmp_path / "out").exists(), flags
    expect_mistake(retmask, "--heads", "0-0", "--out", tmp_path / "out", contains="--model is required")
    expect_mistake(retmask, "--heads", "0-0", "--model", tiny_llama, contains="--out is required")


def test_bad_selection(retmask, tiny_llama, tmp_path):
    def expect(contains, *flags):
        common = ["--model", tiny_llama, "--out", tmp_path / "out"]
        expect_mistake(retmask, *common, *flags, contains=contains)
        assert not (tmp_path / "out/mask.json").exists()

    scores = write_scores(tmp_path / "scores.json", {(2, 1): 0.9})
    expect("no head 4-0, 0-4", "--heads", "4-0,0-4,0-1")
    expect("expected LAYER-HEAD", "--heads", "12")
    expect("the model has only 16 heads", "--scores", scores, "--top-k", 17)
    expect("the highest is 0.9 (2-1)", "--scores", scores, "--threshold", 0.95)
    expect("only 7 are not retrieval heads", "--scores", scores, "--top-k", 9, "--select", "non-retrieval")
    expect(["none.json", "No such file"], "--scores", tmp_path / "none.json", "--top-k", 1)
    write_scores(scores, {}, layers=2)
    expect(["scores are for 2 x 4 heads", "this model has 4 x 4", "another model"], "--scores", scores, "--top-k", 1)
    write_scores(scores, {}, samples=0)
    expect("no answer was right", "--scores", scores, "--top-k", 1)
    write_scores(scores, {(1, 1): float("nan")})
    expect("scores.json", "--scores", scores, "--top-k", 1)


def test_bad_model(retmask, model, tmp_path):
    out = tmp_path / "out"

    def expect(contains, folder=model):
        expect_mistake(retmask, "--model", folder, "--heads", "0-0", "--out", out, contains=contains)
        assert not (out / "config.json").exists() and not (out / "mask.json").exists()

    expect("does not exist", folder=tmp_path / "none")
    weights = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(weights[:-1])
    expect("truncated")
    (model / "model.safetensors").write_bytes(b"\xff" * 100)
    expect("not a safetensors file")
    (model / "model.safetensors").write_bytes(weights)
    config = json.loads((model / "config.json").read_text())
    for change, message in [
        ({"num_hidden_layers": 5}, "9 missing: model.layers.4."),
        ({"num_hidden_layers": 3}, "9 unexpected: model.layers.3."),
        ({"head_dim": 16}, ["of the wrong shape", "o_proj.weight is [32, 32], expected [32, 64]"]),
        ({"model_type": "gpt2"}, "gpt2"),
        ({"num_attention_heads": 0}, "num_attention_heads"),
    ]:
        (model / "config.json").write_text(json.dumps(config | change))
        expect(message)
    (model / "config.json").write_text("{")
    expect("not valid JSON")


def test_the_model_is_never_the_output(retmask, model, tmp_path):
    before = sorted(p.name for p in model.iterdir())
    (tmp_path / "link").symlink_to(model)
    expect_mistake(retmask, "--model", model, "--heads", "0-0", "--out", tmp_path / "link", contains="the model's own folder")
    assert sorted(p.name for p in model.iterdir()) == before


def test_unwritable_out(retmask, tiny_llama, tmp_path):
    (tmp_path / "file").write_text("")
    flags = ["--model", tiny_llama, "--heads", "0-0", "--out", tmp_path / "file/out"]
    expect_mistake(retmask, *flags, contains="cannot make the output folder")


def test_full_disk(retmask, tiny_llama, tmp_path):
    def limit_file_size():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    command = [retmask.binary, "mask", "--model", tiny_llama, "--heads", "0-0", "--out", tmp_path / "out"]
    # Python ignores SIGXFSZ; unless its children do too, the limit kills them.
    options = dict(preexec_fn=limit_file_size, restore_signals=False)
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 1 and "cannot write the weights" in done.stderr, done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["run.json"]
    assert run_record(tmp_path / "out")["status"] == "failed"
    retmask(*command[1:])
    assert_masked(load(tiny_llama), load(tmp_path / "out"), [(0, 0)])


def test_killed_in_the_middle(retmask, demo_model, tmp_path):
    out = tmp_path / "out"
    flags = ["mask", "--model", demo_model, "--heads", "18-6,17-3", "--out", out]
    process = subprocess.Popen([retmask.binary, *flags], stderr=subprocess.DEVNULL)
    wait_for(lambda: any(file.stat().st_size > 1_000_000 for file in out.glob(".checkpoint.tmp/model*")), process)
    process.kill()
    process.wait()
    assert not (out / "config.json").exists() and not (out / "model.safetensors").exists()

    retmask(*flags)
    assert not (out / ".checkpoint.tmp").exists()
    with safe_open(demo_model / "model.safetensors", "pt") as before, safe_open(out / "model.safetensors", "pt") as after:
        changed = [name for name in before.keys() if not torch.equal(before.get_tensor(name), after.get_tensor(name))]
        assert sorted(changed) == [f"model.layers.{layer}.self_attn.o_proj.weight" for layer in (17, 18)]
        weight = after.get_tensor("model.layers.18.self_attn.o_proj.weight")
        assert not weight[:, 6 * 64 : 7 * 64].any() and weight[:, : 6 * 64].any() and weight[:, 7 * 64 :].any()
    shutil.rmtree(out)  # half a gigabyte


def test_masked_checkpoint_and_head_gate_write_the_same(retmask, demo_model, tmp_path):
    """theta' as a checkpoint in transformers and as a gate on theta's weights in our engine give the same greedy text."""
    prompts = ["Write one sentence about the sea.", "Name three colours."]
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": prompt} for prompt in prompts])
    heads = "18-6,17-3,23-2,18-7,17-4,23-7,20-6"
    retmask("mask", "--model", demo_model, "--heads", heads, "--out", tmp_path / "masked")
    flags = ["--mask", tmp_path / "masked/mask.json", "--temperature", 0, "--max-new-tokens", 24, "--dtype", "float32"]
    files = ["--prompts", tmp_path / "prompts.jsonl", "--out", tmp_path / "pairs"]
    retmask("synthesize", "--model", demo_model, *flags, *files)
    rows = read_rows(tmp_path / "pairs/answers.jsonl")
    gated = {row["id"]: row["text"] for row in rows if row["policy"] == "rejected"}
    ungated = {row["id"]: row["text"] for row in rows if row["policy"] == "chosen"}
    assert gated != ungated and len(gated) == len(prompts)

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "masked")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "masked", dtype=torch.float32)
    for number, prompt in enumerate(prompts, start=1):
        messages = [{"role": "user", "content": prompt}]
        inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        output = model.generate(**inputs, max_new_tokens=24, do_sample=False)
        text = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        assert gated[f"prompts.jsonl:{number}"] == text
    shutil.rmtree(tmp_path / "masked")  # half a gigabyte
