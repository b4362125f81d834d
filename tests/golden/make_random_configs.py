#!/usr/bin/env python3
"""Makes tests/golden/model/random_configs.jsonl: 300 random config.json of the three families, each with log-probs computed
by transformers; and dynamic_greedy.json: greedy generation with RoPE that depends on the length.

    .venv/bin/python tests/golden/make_random_configs.py [--seed N] [--count N] [--out FILE]

The configs vary in style (rope_theta next to rope_scaling, rope_parameters, both at once, by layer type, with missing or
null keys) and in every key that affects the computation. There is no weights file: each weight is a function of its
tensor's name and its index (`weights`), which tests/unit/model/test_random_configs.cpp repeats.
"""
import argparse
import json
import pathlib
import random

import numpy
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers import logging as transformers_logging
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

OUT = pathlib.Path(__file__).resolve().parent / "model" / "random_configs.jsonl"
COUNT = 300
LENGTH = 60
# After the random ones: YaRN whose ramp ends beyond the last dimension, where both ends are clamped.
SMALL = {"vocab_size": 48, "hidden_size": 32, "intermediate_size": 20, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}
CHOSEN = [
    {"model_type": "llama", **SMALL, "rope_parameters": {**YARN, "rope_theta": 10.0}},
    {"model_type": "qwen3", **SMALL, "head_dim": 16, "rope_theta": 50.0, "rope_scaling": {**YARN, "beta_slow": 0.01}},
    {"model_type": "olmo3", **SMALL, "layer_types": ["full_attention"] * 2, "rope_theta": 20.0,
     "rope_scaling": {**YARN, "beta_slow": 0.1, "truncate": False}},
]
KEPT = 6  # log-probs per row: spread over the sequence, including the last one


def weights(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """24-bit integers hashed from the index, so that both sides have the same float32."""
    salt = 2166136261
    for byte in name.encode():
        salt = (salt ^ byte) * 16777619 % 2**32
    x = numpy.arange(numpy.prod(shape), dtype=numpy.uint32) * numpy.uint32(2654435761) + numpy.uint32(salt)
    x = (x ^ (x >> numpy.uint32(15))) * numpy.uint32(2246822519)
    x ^= x >> numpy.uint32(13)
    unit = torch.from_numpy((x >> numpy.uint32(8)).astype(numpy.float32) / 2**24 - 0.5).reshape(shape)
    return 1 + unit if "norm" in name else unit


def token_ids(row: int, vocab_size: int) -> list[int]:
    return [(7 * i + 3 * i * i + 13 * row) % min(vocab_size, 48) for i in range(LENGTH)]


class Draw:
    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def one(self, *values):
        return self.random.choice(values)

    def maybe(self, config: dict, key: str, *values, missing: float = 0.5) -> None:
        """Omits the key or draws its value."""
        if not self.chance(missing):
            config[key] = self.one(*values)

    def theta(self):
        return self.one(50.0, 100, 1000.0, 10000.0, 500000, 1e6)

    def rope(self, with_theta: bool, kinds=("default", "linear", "dynamic", "llama3", "yarn")) -> dict:
        kind = self.one(*kinds)
        rope = {}
        if kind != "default" or self.chance(0.5):
            rope[self.one("rope_type", "rope_type", "type")] = kind
        if with_theta:
            rope["rope_theta"] = self.theta()
        if self.chance(0.1):
            rope["partial_rotary_factor"] = 1.0
        if kind == "default":
            return rope
        rope["factor"] = self.one(2.0, 4, 1.5, 8.0, 40.0)
        if kind in ("llama3", "yarn"):
            self.maybe(rope, "original_max_position_embeddings", 8, 16, 24, 64, 4096, missing=0.2)
        if kind == "llama3":
            rope["low_freq_factor"] = self.one(1.0, 1, 2.0)
            rope["high_freq_factor"] = self.one(4.0, 4, 8.0)
        if kind == "yarn":
            if self.chance(0.1):
                rope["factor"] = None
            self.maybe(rope, "attention_factor", 1.3, 0.8, None, missing=0.7)
            self.maybe(rope, "beta_fast", 32.0, 4, 16, 0, None)
            self.maybe(rope, "beta_slow", 1.0, 2, 0.01, 0, None)
            self.maybe(rope, "mscale", 1.0, 0.7, 0, None, missing=0.6)
            self.maybe(rope, "mscale_all_dim", 1.0, 0.5, 0, None, missing=0.6)
            self.maybe(rope, "truncate", True, False, False, None, missing=0.6)
        return rope

    def add_rope(self, config: dict) -> None:
        """The RoPE of a family with the same RoPE in all layers."""
        style = self.one("none", "old", "old", "old", "new", "new", "new", "mixed", "mixed", "beside")
        self.maybe(config, "rope_theta", self.theta(), missing=0.3 if style in ("old", "mixed") else 0.7)
        if style == "old":
            config["rope_scaling"] = self.one(None, {}, *(self.rope(self.chance(0.2)) for _ in range(6)))
        if style == "new":
            config["rope_parameters"] = self.rope(self.chance(0.7))
        if style == "mixed":
            config["rope_parameters"] = self.one(None, {}, *(self.rope(self.chance(0.7)) for _ in range(4)))
            config["rope_scaling"] = self.one(None, {}, *(self.rope(self.chance(0.3)) for _ in range(6)))
        if style == "beside":  # original_max_position_embeddings at the top level
            config["rope_scaling"] = self.rope(False, kinds=("llama3", "yarn"))
            config["original_max_position_embeddings"] = self.one(8, 16, 32)

    def add_olmo3_rope(self, config: dict) -> None:
        style = self.one("none", "old", "old", "new", "new", "new", "partly", "merged", "merged", "flat")
        self.maybe(config, "rope_theta", self.theta(), missing=0.3 if style == "old" else 0.7)
        nested = {
            "sliding_attention": self.rope(self.chance(0.6), kinds=("default", "default", "linear", "yarn", "dynamic")),
            "full_attention": self.rope(self.chance(0.6)),
        }
        if style == "old":
            config["rope_scaling"] = self.one(None, {}, *(self.rope(self.chance(0.3)) for _ in range(6)))
            if self.chance(0.2):
                config["rope_parameters"] = None
        if style in ("new", "merged"):
            config["rope_parameters"] = nested
            if self.chance(0.2):
                nested["truncate"] = False
        if style == "merged":
            config["rope_scaling"] = self.one(
                {"factor": 3.0}, {"rope_theta": 300.0}, {"beta_fast": 8.0, "attention_factor": 1.1}, self.rope(True)
            )
            scaled = {**nested["full_attention"], **config["rope_scaling"]}
            if "factor" not in scaled:
                config["rope_scaling"]["factor"] = 2.0
        if style == "partly":
            del nested[self.one("sliding_attention", "full_attention")]
            config["rope_parameters"] = nested
        if style == "flat":
            config["rope_parameters"] = self.rope(True)
        if self.chance(0.1):
            config["original_max_position_embeddings"] = 16

    def config(self, family: str) -> dict:
        config = {"model_type": family}
        heads = self.one(2, 4, 6)
        hidden = heads * self.one(4, 8)
        layers = self.one(1, 2, 4, 5) if family == "olmo3" else self.one(1, 2, 3)
        sizes = {
            "vocab_size": 48,
            "hidden_size": hidden,
            "intermediate_size": 20,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
        }
        config.update(sizes)
        if self.chance(0.05):
            del config["vocab_size"]
        if self.chance(0.05):
            del config["intermediate_size"]
        kind = self.one("left out", "null", "some", "some", "all")
        if kind == "left out" and family == "qwen3":  # there it is 32
            config["num_attention_heads"] = 32
            if self.chance(0.5):
                del config["num_attention_heads"]
            config["head_dim"] = 4
        elif kind == "null":
            config["num_key_value_heads"] = None
        elif kind != "left out":
            config["num_key_value_heads"] = heads if kind == "all" else heads // 2
        if "head_dim" not in config:
            self.maybe(config, "head_dim", 4, 6, 16, missing=0.9 if family == "qwen3" else 0.6)
            if family == "qwen3" and "head_dim" not in config and self.chance(0.7):
                config["head_dim"] = 8
            if family == "llama" and self.chance(0.1):
                config["head_dim"] = None
        self.maybe(config, "max_position_embeddings", 16, 32, 48, 2048, missing=0.2)
        self.maybe(config, "rms_norm_eps", 1e-6, 1e-5, 0.05)
        self.maybe(config, "hidden_act", "silu", "silu", "swish")
        self.maybe(config, "attention_bias", True, False)
        self.maybe(config, "tie_word_embeddings", True, False)
        self.maybe(config, self.one("dtype", "torch_dtype"), "float32", "bfloat16", "float16")
        self.maybe(config, "attention_dropout", 0.0, 0.1, missing=0.8)
        if family == "llama":
            self.maybe(config, "mlp_bias", True, False)
            self.maybe(config, "pretraining_tp", 1, 2, missing=0.8)
        else:
            self.add_windows(config, family, layers)
        self.add_olmo3_rope(config) if family == "olmo3" else self.add_rope(config)
        keys = list(config)
        self.random.shuffle(keys)
        return {key: config[key] for key in keys}

    def add_windows(self, config: dict, family: str, layers: int) -> None:
        self.maybe(config, "sliding_window", 1, 5, 16, 200, missing=0.2)
        kinds = ["full_attention", "sliding_attention"]
        types = [self.one(*kinds) for _ in range(layers)]
        if family == "olmo3":
            if self.chance(0.5):
                config["layer_types"] = types
            return
        self.maybe(config, "use_sliding_window", True, True, False, missing=0.3)
        self.maybe(config, "max_window_layers", 0, 1, 2, 28)
        if self.chance(0.4):
            config["layer_types"] = types if config.get("use_sliding_window") else ["full_attention"] * layers
        elif self.chance(0.1):
            config["sliding_window"] = None


@torch.no_grad()
def logprobs(config: dict, ids: list[int], rows: list[int]) -> list[float]:
    given = {k: v for k, v in json.loads(json.dumps(config)).items() if k != "model_type"}
    parsed = CONFIG_MAPPING[config["model_type"]].from_dict(given)
    model = AutoModelForCausalLM.from_config(parsed, attn_implementation="eager", dtype=torch.float32).eval()
    for name, parameter in model.named_parameters():
        parameter.copy_(weights(name, tuple(parameter.shape)))
    table = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return [table[row - 1, ids[row]].item() for row in rows]


@torch.no_grad()
def dynamic_greedy() -> dict:
    """The tiny Llama beyond the length from which its frequencies change with every token."""
    tiny = OUT.parent.parent / "tiny" / "llama"
    config = json.loads((tiny / "config.json").read_text())
    config["rope_parameters"] = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    config["max_position_embeddings"] = 96
    parsed = CONFIG_MAPPING["llama"].from_dict({k: v for k, v in config.items() if k != "model_type"})
    model = AutoModelForCausalLM.from_pretrained(tiny, config=parsed, dtype=torch.float32).eval()
    ids = load_file(OUT.parent / "llama.safetensors")["token_ids"]
    ids = torch.cat([ids, ids.flip(0)])
    row = {"config": config}
    # Prompts on both sides of that length, and one that is prefilled in chunks.
    for prompt in (90, 120, 560):
        answer = model.generate(ids[None, :prompt], max_new_tokens=24, do_sample=False, eos_token_id=None)
        row[str(prompt)] = answer[0, prompt:].tolist()
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    options = parser.parse_args()
    transformers_logging.set_verbosity_error()
    draw = Draw(options.seed)
    rows = [LENGTH * (i + 1) // KEPT - 1 for i in range(KEPT)]
    refused = plain = 0
    lines = []
    chosen = list(CHOSEN)
    while len(lines) < options.count + len(CHOSEN):
        drawn = len(lines) < options.count
        config = draw.config(("llama", "qwen3", "olmo3")[len(lines) % 3]) if drawn else chosen.pop(0)
        vocab_size = config.get("vocab_size", 48)
        ids = token_ids(len(lines), vocab_size)
        try:
            values = logprobs(config, ids, rows)
        except Exception as error:  # configs that transformers rejects are not tested
            refused += 1
            print("refused:", type(error).__name__, str(error)[:100].replace("\n", " "), json.dumps(config))
            continue
        other = {k: v for k, v in config.items() if k not in ("rope_scaling", "rope_parameters", "rope_theta")}
        plain += max(abs(a - b) for a, b in zip(values, logprobs(other, ids, rows))) < 1e-3
        lines.append(json.dumps({"config": config, "logprobs": [round(v, 6) for v in values]}, separators=(",", ":")))
    options.out.write_text("\n".join(lines) + "\n")
    (OUT.parent / "dynamic_greedy.json").write_text(json.dumps(dynamic_greedy(), separators=(",", ":")) + "\n")
    print(f"{len(lines)} configs, {refused} drawn beside them are refused; {plain} do not depend on their RoPE keys")


if __name__ == "__main__":
    main()
