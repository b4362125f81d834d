#!/usr/bin/env python3
"""Makes tests/golden/tiny/{llama,qwen3,olmo3}: random checkpoints of a few kilobytes, each with a tokenizer and a chat
template, and tests/golden/model/: outputs of transformers with them.

    .venv/bin/python tests/golden/make_tiny_models.py

The shapes are chosen to expose wrong implementations: head_dim differs from hidden_size / heads (Qwen3), the test sequence
is longer than Olmo-3's sliding window and than the original length of YaRN and llama3 RoPE, norm weights are not 1, and the
embeddings are tied in one family.
"""
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlamaConfig,
    Olmo3Config,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

HERE = pathlib.Path(__file__).resolve().parent
TINY, GOLDEN = HERE / "tiny", HERE / "model"
VOCAB_SIZE = 384
TEST_LENGTH = 300
ROW_STEP = 7  # logits are kept for every 7th position and the last
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
    "+ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

COMMON = dict(
    vocab_size=VOCAB_SIZE,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=2048,
    initializer_range=0.25,
    bos_token_id=0,
    eos_token_id=2,
    pad_token_id=None,
)
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}
YARN_ROPE = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "original_max_position_embeddings": 128,
    "attention_factor": 1.2079441541679836,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
}
CONFIGS = {
    "llama": lambda: LlamaConfig(**COMMON, tie_word_embeddings=True, rope_parameters=dict(LLAMA3_ROPE)),
    "qwen3": lambda: Qwen3Config(
        **COMMON, head_dim=16, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}
    ),
    "olmo3": lambda: Olmo3Config(
        **COMMON,
        sliding_window=32,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": dict(YARN_ROPE),
        },
    ),
}


def old_style(config: dict) -> dict:
    """The same config in the style of checkpoints from before transformers 5."""
    old = {k: v for k, v in config.items() if k != "rope_parameters"}
    rope = config["rope_parameters"]
    rope = dict(rope.get("full_attention", rope))
    old["rope_theta"] = rope.pop("rope_theta")
    old["rope_scaling"] = rope if rope["rope_type"] != "default" else None
    old["torch_dtype"] = old.pop("dtype")
    return old


def make_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train([str(HERE.parent.parent / "LICENSE")], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|im_end|>", chat_template=CHATML
    )


def main() -> None:
    tokenizer = make_tokenizer()
    GOLDEN.mkdir(exist_ok=True)
    for seed, (family, make_config) in enumerate(CONFIGS.items()):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(make_config(), attn_implementation="eager").float().eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" in name:
                    parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
        folder = TINY / family
        shutil.rmtree(folder, ignore_errors=True)
        model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=[2, 0])
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text())
        (GOLDEN / f"{family}_old_config.json").write_text(json.dumps(old_style(config), indent=2) + "\n")

        ids = torch.randint(3, VOCAB_SIZE, (TEST_LENGTH,))
        rows = torch.tensor(sorted({*range(0, TEST_LENGTH, ROW_STEP), TEST_LENGTH - 1}))
        out = model(ids[None], output_attentions=True)
        loss = torch.nn.functional.cross_entropy(out.logits[0, :-1], ids[1:])
        loss.backward()
        tensors = {
            "token_ids": ids,
            "rows": rows,
            "logits": out.logits[0, rows].detach(),
            "loss": loss.detach(),
            "largest_keys": torch.stack([a[0, :, -1, :].argmax(-1) for a in out.attentions]),  # [L, H], last row
        }
        for name, parameter in model.named_parameters():
            tensors["grad_norm." + name] = parameter.grad.norm()
        generated = model.generate(ids[None, :40], max_new_tokens=24, do_sample=False, eos_token_id=None)
        tensors["greedy"] = generated[0, 40:]
        save_file({k: v.contiguous() for k, v in tensors.items()}, GOLDEN / f"{family}.safetensors")
        print(family, "loss", float(loss), "largest logit", float(out.logits.abs().max()))


if __name__ == "__main__":
    main()
