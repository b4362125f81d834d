#!/usr/bin/env python3
"""Makes tests/golden/checkpoint/: safetensors files written by the format's own library.

    .venv/bin/python tests/golden/make_checkpoint_golden.py

types.safetensors has one tensor of every supported type (with values that show rounding and special cases), a scalar
and an empty tensor; types.json has PyTorch's view of them: type, shape and bytes in hex.
sharded/ is a checkpoint that transformers split into shards.
"""
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = pathlib.Path(__file__).resolve().parent / "checkpoint"
FLOATS = [0.0, -0.0, 1.0, -1.5, 3.140625, 65504.0, 6e-8, float("inf"), float("nan"), 1 / 3]


def make_types() -> None:
    floats = torch.tensor(FLOATS)
    tensors = {
        "f32": floats.reshape(2, 5),
        "f16": floats.half().reshape(5, 2),
        "bf16": floats.bfloat16().reshape(1, 10, 1),
        "i64": torch.tensor([-(2**62), 7]),
        "i32": torch.tensor([[-(2**31)], [2**31 - 1]], dtype=torch.int32),
        "u8": torch.tensor([0, 255, 3], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
    }
    save_file(tensors, FOLDER / "types.safetensors", metadata={"format": "pt", "note": "a value of our own"})
    expected = {
        name: {
            "type": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "bytes": tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex(),
        }
        for name, tensor in tensors.items()
    }
    (FOLDER / "types.json").write_text(json.dumps(expected, indent=1) + "\n")


def make_sharded() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).bfloat16().save_pretrained(FOLDER / "sharded", max_shard_size=1000)


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    make_types()
    make_sharded()
