"""scripts/convert_gguf.py: the demo's checkpoint folder matches the GGUF and loads in transformers."""

import json
import subprocess
import sys

import gguf
import numpy as np
import pytest
import tokenizers
import torch
import transformers
from safetensors import safe_open

from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import convert_gguf  # noqa: E402


@pytest.fixture(scope="module")
def reader():
    return gguf.GGUFReader(convert_gguf.smollm2_path())


def load_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def run_converter(*args):
    return subprocess.run([sys.executable, ROOT / "scripts/convert_gguf.py", *args], capture_output=True, text=True)


def llama_cpp_permute(weight, heads):
    """As in llama.cpp's convert_hf_to_gguf.py (LlamaModel.permute)."""
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def test_tensors_are_the_gguf_ones(demo_model, reader):
    with safe_open(demo_model / "model.safetensors", "np") as checkpoint:
        assert len(checkpoint.keys()) == len(reader.tensors)
        for source in reader.tensors:
            expected = gguf.quants.dequantize(source.data, source.tensor_type)
            actual = checkpoint.get_tensor(convert_gguf.hf_name(source.name))
            if "attn_q" in source.name:
                actual = llama_cpp_permute(actual, heads=9)
            elif "attn_k" in source.name:
                actual = llama_cpp_permute(actual, heads=3)
            np.testing.assert_array_equal(actual, expected, err_msg=source.name)


def test_config_holds_rope_under_both_names(demo_model):
    config = load_json(demo_model / "config.json")
    assert config["rope_theta"] == 100000.0
    assert config["rope_parameters"] == {"rope_type": "default", "rope_theta": 100000.0}
    assert config["rms_norm_eps"] == 1e-5
    assert config["tie_word_embeddings"] is True


def test_tokenizer_splits_as_the_metadata_names(demo_model):
    tokenizer = tokenizers.Tokenizer.from_file(str(demo_model / "tokenizer.json"))
    encoded = tokenizer.encode("It's 2024.<|im_end|>\n  x")
    assert encoded.tokens == ["It", "'s", "Ġ", "2", "0", "2", "4", ".", "<|im_end|>", "ĊĠ", "Ġx"]
    assert tokenizer.token_to_id("<|im_end|>") == 2


def test_transformers_tokenizer_changes_nothing(demo_model):
    plain = tokenizers.Tokenizer.from_file(str(demo_model / "tokenizer.json"))
    loaded = transformers.AutoTokenizer.from_pretrained(demo_model)
    for text in ("Hello 1234 world's", "a  b\n\n\tc 12.5", "naïve 日本 ☕", "<|im_start|>user\nhi<|im_end|>\n"):
        assert loaded.encode(text) == plain.encode(text).ids
        assert loaded.decode(loaded.encode(text)) == text
    assert loaded.eos_token_id == 2


def test_model_answers_in_transformers(demo_model):
    tokenizer = transformers.AutoTokenizer.from_pretrained(demo_model)
    model = transformers.AutoModelForCausalLM.from_pretrained(demo_model, dtype=torch.float32)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**prompt, max_new_tokens=20, do_sample=False)
    answer = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])
    assert answer == "The capital of France is Paris.<|im_end|>"


def test_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "keep").write_text("mine")
    done = run_converter("--smollm2", tmp_path)
    assert done.returncode == 2
    assert "already exists" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]


def test_file_that_is_no_gguf_is_one_clear_line(tmp_path):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"not a model" * 10)
    done = run_converter(source, tmp_path / "out")
    assert done.returncode == 2
    assert str(source) in done.stderr and len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]
