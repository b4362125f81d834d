#!/usr/bin/env bash
# For a machine with an H100 or H200: runs the GPU tests and prints the table of RESULTS.md. Without a usable GPU it prints a
# message, runs nothing and exits with 0.
#
#   tests/bench/gpu_table.sh [BUILD_DIR]      default: build/release, built with a CUDA compiler (CONTRIBUTING.md)
#
# Llama-3.1-8B's shape with random weights, bfloat16, 256 sequences of 64 prompt and 495 new tokens. For comparison, on one H100 with
# 80 GB: SGLang 16,215 and vLLM 12,553 tokens/s, published for that model.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-build/release}

if ! nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null; then
  echo "gpu_table: NOT RUN: no usable GPU"
  exit 0
fi
ctest --test-dir "$build" -L gpu --output-on-failure
echo
for masked in 0 32; do
  "$build/bench/generate_bench" --model tests/bench/shapes/llama-8b --device cuda --dtype bfloat16 --batch-sizes 1,16,64,256 \
    --prompt-tokens 64 --new-tokens 495 --masked-heads $masked --runs 3
done | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
print("GB/s and TFLOP/s measured in this run: %.0f, %.0f\n" % (rows[0]["gigabytes_per_second"], rows[0]["gigaflop_per_second"] / 1e3))
print("| batch | heads off in half | tokens/s | ms a step | linear | attention | sampling | rest | GB a step | of bandwidth | of the limit |")
print("|" + "---|" * 11)
for row in rows:
    ms = row["milliseconds_per_step"]
    parts = " | ".join("%.2f" % ms[name] if name in ms else "-" for name in ("total", "linear", "attention", "sampling", "rest"))
    print("| %d | %d | %.0f | %s | %.1f | %.0f %% | %.0f %% |" % (
        row["batch_size"], row["masked_heads"], row["tokens_per_second"], parts, row["gigabytes_per_step"],
        100 * row["share_of_bandwidth"], 100 * row["share_of_limit"]))
print("\nfor comparison, on one H100 (batch 256): SGLang 16,215 tokens/s, vLLM 12,553 tokens/s")
'
