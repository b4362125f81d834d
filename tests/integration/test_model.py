"""The model against transformers: random configs of every family, and the real SmolLM2."""

import json
import subprocess

import numpy
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, LlamaConfig, Olmo3Config, Qwen3Config

from conftest import ROOT

GOLDEN = ROOT / "tests/golden/smollm2"

SIZES = dict(
    vocab_size=320,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=5,
    num_attention_heads=8,
    num_key_value_heads=2,
    max_position_embeddings=4096,
    initializer_range=0.15,
)
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "rope_theta": 500000.0}
# Not covered by the committed tiny models: biases, multi-head attention without grouping, YaRN in every layer with
# inferred attention_factor, Qwen3's optional window, other epsilons.
CONFIGS = {
    "llama_bias": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True, rope_parameters=dict(YARN)),
    "llama_multi_head": LlamaConfig(**{**SIZES, "num_key_value_heads": 8}, head_dim=24, rms_norm_eps=1e-3),
    "qwen3_window": Qwen3Config(
        **SIZES, head_dim=32, use_sliding_window=True, sliding_window=20, max_window_layers=2, tie_word_embeddings=True
    ),
    "olmo3": Olmo3Config(
        **SIZES,
        sliding_window=50,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0},
            "full_attention": {**YARN, "beta_fast": 16.0, "beta_slow": 2.0},
        },
    ),
}


@pytest.fixture(scope="session")
def forward(retmask):
    """Runs tests/tools/forward_tool.cpp."""

    def run(folder, sequences, vocab_size=None, logits=None, **request):
        request |= {"model": str(folder), "sequences": [list(map(int, s)) for s in sequences]}
        if logits:
            request["logits"] = str(logits)
        done = subprocess.run(
            [retmask.binary.parent / "tests/forward_tool"], input=json.dumps(request), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        if logits:
            return numpy.fromfile(logits, dtype=numpy.float32).reshape(-1, vocab_size)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("shards", [1, 4])
def test_random_configs(name, shards, forward, tmp_path):
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_config(CONFIGS[name], attn_implementation="eager").float().eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "norm" in parameter_name or "bias" in parameter_name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    size = sum(p.numel() * 4 for p in model.parameters())
    model.save_pretrained(tmp_path / "model", max_shard_size=size // shards + 1000)
    ids = torch.randint(0, SIZES["vocab_size"], (200,))
    with torch.no_grad():
        expected = model(ids[None]).logits[0].numpy()
    actual = forward(tmp_path / "model", [ids], SIZES["vocab_size"], tmp_path / "logits.bin")
    assert 1 < numpy.abs(expected).max() < 50
    assert numpy.abs(actual - expected).max() < 1e-4


def test_smollm2_logits(demo_model, forward, tmp_path):
    """Against transformers' results in tests/golden/smollm2: a sample of the logits and, for each token, the whole row."""
    with safe_open(GOLDEN / "logits.safetensors", "np") as file:
        golden = {name: file.get_tensor(name) for name in file.keys()}
        stride = int(file.metadata()["stride"])
    ids = golden["token_ids"]
    vocab_size = json.loads((demo_model / "config.json").read_text())["vocab_size"]
    actual = forward(demo_model, [ids], vocab_size, tmp_path / "logits.bin")
    assert numpy.abs(actual.flatten()[::stride] - golden["logits"]).max() < 1e-3
    log_sum_exp = torch.from_numpy(actual).logsumexp(-1).numpy()
    assert numpy.abs(log_sum_exp - golden["log_sum_exp"]).max() < 1e-3

    peer = golden["largest_in_bfloat16"]
    expected = golden["largest"][: len(peer)]
    in_bfloat16 = forward(demo_model, [ids[: len(peer)]], vocab_size, tmp_path / "logits.bin", dtype="bfloat16").argmax(-1)
    to_float32 = (in_bfloat16 == expected).mean()
    peer_to_float32 = (peer == expected).mean()
    agreement = (in_bfloat16 == peer).mean()
    print(f"bf16 argmax: {to_float32:.3f} of float32's, transformers' bf16 {peer_to_float32:.3f}; of each other's {agreement:.3f}")
    # transformers rounds the logits to bfloat16, which makes neighbours equal; ours are not rounded.
    assert to_float32 >= 0.98
    assert to_float32 >= peer_to_float32
    assert agreement >= 0.95


def test_smollm2_greedy(demo_model, forward):
    golden = json.loads((GOLDEN / "greedy.json").read_text())
    answers = forward(demo_model, golden["prompts"], max_new_tokens=40, stop_ids=[2])
    assert answers == golden["answers"]
