#!/usr/bin/env python3
"""Makes tests/fuzz/corpus/: small inputs for each parser of untrusted bytes, from the other golden files.

    .venv/bin/python tests/golden/make_fuzz_corpus.py

Inputs found by a fuzzer are kept as found-* in the same folders; this script does not touch them.
"""
import io
import json
import pathlib
import shutil
import struct

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / "fuzz/corpus"
FAMILIES = ("llama", "qwen3", "olmo3")


def write(harness: str, name: str, data: bytes | str) -> None:
    folder = OUT / harness
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def safetensors(header: dict | str, data: bytes) -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def make_safetensors() -> None:
    def tensor(dtype: str, shape: list, begin: int, end: int) -> dict:
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    one = {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 2], 0, 16)}
    two = one | {"b": tensor("BF16", [3], 16, 22), "c": tensor("U8", [0], 22, 22), "d": tensor("I64", [], 22, 30)}
    write("safetensors", "one", safetensors(one, bytes(16)))
    write("safetensors", "two", safetensors(two, bytes(30)))
    write("safetensors", "empty", safetensors({}, b""))
    write("safetensors", "overflow", safetensors({"a": tensor("F32", [2**62, 2**62], 0, 16)}, bytes(16)))
    write("safetensors", "long_header", struct.pack("<Q", 2**63) + b"{}")


def make_tokenizer() -> None:
    """The tiny models' tokenizer with few words, and one with each kind of component."""
    whole = json.loads((HERE / "tiny/llama/tokenizer.json").read_text())
    model = whole["model"]
    kept = {token: index for token, index in model["vocab"].items() if index < 300}
    pairs = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
    merges = [pair for pair in pairs if pair[0] + pair[1] in kept]
    small = whole | {"model": model | {"vocab": kept, "merges": merges}}
    write("tokenizer", "tiny", json.dumps(small, ensure_ascii=False))
    few = {token: i for i, token in enumerate(["a", "b", "ab", "<unk>", "▁", "▁a", "<0x0A>", "<0xC3>"])}
    added = [{"id": 8, "content": "<|im_end|>", "special": True, "lstrip": True, "rstrip": False, "normalized": False,
              "single_word": False}]  # fmt: skip
    for kind in ("bytes", "chars"):
        bpe = {"type": "BPE", "vocab": few, "merges": [["a", "b"]], "unk_token": "<unk>", "byte_fallback": kind == "chars"}
        for case in json.loads((HERE / f"tokenizer/parts_{kind}.json").read_text())["cases"]:
            parts = {key: value for key, value in case["tokenizer"].items() if key in PARTS}
            text = json.dumps({"added_tokens": added, **parts, "model": bpe}, ensure_ascii=False)
            write("tokenizer", f"{kind}_{case['name']}", text)


PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def make_config() -> None:
    for family in FAMILIES:
        shutil.copy(HERE / "tiny" / family / "config.json", OUT / "config" / family)
    old = json.loads((HERE / "tiny/llama/config.json").read_text())
    for key in ("rope_parameters", "rope_scaling", "dtype"):
        old.pop(key, None)
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64}  # fmt: skip
    write("config", "old_llama3", json.dumps(old | {"rope_theta": 1e4, "rope_scaling": scaling, "torch_dtype": "bfloat16"}))
    write("config", "old_yarn", json.dumps(old | {"rope_scaling": {"type": "yarn", "factor": 4.0, "truncate": False}}))


def make_template() -> None:
    for entry in json.loads((HERE / "tokenizer/templates.json").read_text())["templates"]:
        write("template", entry["name"], entry["template"])
    write("template", "tiny", (HERE / "tiny/llama/chat_template.jinja").read_text())
    write("template", "constructs", CONSTRUCTS)


CONSTRUCTS = """{# comment #}{% macro turn(m, n=1) -%}{{ m['role'] | upper }}{{ n }}{%- endmacro %}
{%- set ns = namespace(found=false) -%}
{%- for m in messages[::-1] if m.role != 'none' %}{{ loop.index0 ~ turn(m, loop.length) }}
{%- if m.content is string %}{{ m.content.split(' ')[-1] | trim }}{% elif m.content is iterable and not loop.first -%}
{{ m.content | tojson(indent=2) }}{% else %}{{ (1 + 2) // 2 ** 3 % 4 - 1.5 / 2 }}{% endif %}
{%- set ns.found = m.content is defined and 'a' in m.content %}{%- endfor %}
{{ {'a': [1, 2, (3,)], "b": none}.items() | list }}{% filter lower %}ÄÖ{% endfilter %}
{%- if false %}{{ raise_exception('no \\x1b') }}{% endif %}{{ strftime_now('%Y') | length }}{{ range(3) | join(',') }}
{%- generation %}{{ tools | default([], true) | selectattr('x') | map(attribute='y') | list }}{% endgeneration %}
"""


def make_rows() -> None:
    pairs = (HERE / "pairs32.jsonl").read_text(encoding="utf-8").splitlines()
    write("rows", "pairs", "\n".join(line for line in pairs[:6] if len(line) < 1500) + "\n")
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "Grüße 🪐"}]
    rows = [
        {"id": 1, "messages": messages, "language": "German", "redacted": False, "toxic": True},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}, {"from": "human", "value": "c"}]},
        {"instruction": "Add.", "input": "1 2", "openai_moderation": [{"flagged": True}]},
        {"turns": ["one", "two"], "question_id": 7},
        {"prompt": "text", "completion": "more", "chat_template_kwargs": {"x": [1]}, "tools": []},
        {"messages": messages + [{"role": "assistant", "content": [{"type": "text", "text": "parts"}]}]},
    ]
    for i, row in enumerate(rows):
        write("rows", f"row{i}", json.dumps(row, ensure_ascii=i % 2 == 0) + "\n")


def make_parquet() -> None:
    for path in sorted((HERE / "prompts").glob("*.parquet")):
        shutil.copy(path, OUT / "parquet" / path.stem)
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    messages = pa.array([[{"role": "user", "content": "ä"}], None, []], pa.large_list(message))
    ids = pa.array(["a", "b", "a"]).dictionary_encode()
    table = pa.table({"messages": messages, "id": ids, "turns": pa.array([[1], [2, 3], None], pa.list_(pa.int16()))})
    for compression in ("none", "snappy", "gzip"):
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression=compression, store_schema=compression == "none")
        write("parquet", compression, buffer.getvalue())


def make_mask() -> None:
    write("mask", "mask", json.dumps({"heads": [[0, 1], [3, 3]], "select": "retrieval", "threshold": 0.1}))
    write("mask", "none", json.dumps({"heads": []}))
    write("mask", "mean", json.dumps({"heads": [[0, 1], [3, 3]], "mode": "mean", "means": [[0.5, -1e-3], [2, 0]]}))
    scores = {f"{layer}-{head}": [layer / 4, head / 4] for layer in range(4) for head in range(4)}
    write("mask", "scores", json.dumps(scores))
    write("mask", "locos", json.dumps({"meta": {"method": "m"}, "scores": scores, "trial_ids": ["a", "b"]}))
    write("mask", "qrhead", '# heads\nattn_head_set: "3-1,0-2" # top2\nmodel_base_class: "m"\n')
    write("mask", "qrhead-scores", json.dumps([["3-1", 0.5], ["0-2", -0.25]]))
    write("mask", "dysco", 'selected_heads: "[(3,1),(0,2)]"\ntop_k: 9\nsequences:\n  - [1, 2] # <|x|>\n')
    write("mask", "gates", "1.0e+00\t0.0e+00\n0.5\t0.25\n0\t0\n0\t-1e-5\n")


def make_toml() -> None:
    write("toml", "flags", 'model = "m"\nlengths = [1_000, 2000]  # two\n\n[detect]\ndepths = 5\nthreshold = 1e-3\nquiet = true\n')
    write("toml", "strings", "model = 'C:\\n'\nseed = 0\n[detect]\nmodel = \"a\\\"b\\n\\t\\\\\"\n")
    write("toml", "arrays", "lengths = [\n  1, # one\n  2,\n]\r\n[mask]\ntop-k = 3\n")


def main() -> None:
    for made in OUT.glob("*/*"):
        if not made.name.startswith("found-"):
            made.unlink()
    for harness in ("config", "parquet"):
        (OUT / harness).mkdir(parents=True, exist_ok=True)
    for make in (make_safetensors, make_tokenizer, make_config, make_template, make_rows, make_parquet, make_mask, make_toml):
        make()


if __name__ == "__main__":
    main()
