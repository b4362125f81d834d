#!/usr/bin/env bash
# Checks that the program gives the same results on a GPU as on the CPU, and measures its speed. Runs on a machine with a GPU
# and libtorch 2.11 (PyPI's torch wheel); nothing is compiled or installed there.
#
#   scripts/gpu_check.sh --pack       on the build machine: packs the binaries, the libraries they need except libtorch, and
#                                     this script into build/gpu-check.tar.xz
#   scripts/gpu_check.sh [OUT_DIR]    in the unpacked archive, or in the checkout
#
# TORCH_LIB is the wheel's lib folder, if `python3 -c "import torch"` does not find it. The output ends with a table.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/release

pack() {
  local stage=build/gpu-check
  rm -rf $stage
  mkdir -p $stage/$build/{tests,bench,lib} $stage/tests/bench $stage/tests/golden $stage/scripts
  cp $build/retmask $stage/$build/
  cp $build/tests/gpu_test $stage/$build/tests/
  cp $build/bench/generate_bench $stage/$build/bench/
  cp -r tests/golden/tiny tests/golden/model $stage/tests/golden/
  cp -r tests/bench/shapes $stage/tests/bench/
  cp scripts/gpu_check.sh $stage/scripts/
  # Everything the binaries load except the C library and libtorch's libraries.
  ldd $build/retmask $build/tests/gpu_test | awk '$3 ~ /^\// {print $3}' | sort -u |
    grep -vE '/(torch|nvidia)/|/lib(c|m|dl|rt|pthread|util|gcc_s|stdc\+\+)\.so' | xargs -r cp -L -t $stage/$build/lib
  strip $stage/$build/retmask $stage/$build/tests/* $stage/$build/bench/*
  tar -C $stage -cJf build/gpu-check.tar.xz .
  rm -rf $stage
  du -h build/gpu-check.tar.xz
}

if [ "${1:-}" = --pack ]; then
  pack
  exit
fi

out=${1:-gpu-check-out}
rm -rf "$out"
mkdir -p "$out"
torch_lib=${TORCH_LIB:-$(python3 -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}
nvidia_libs=$(find "$torch_lib/../../nvidia" -maxdepth 2 -name lib -type d -printf '%p:' 2>/dev/null || true)
export LD_LIBRARY_PATH="$PWD/$build/lib:$torch_lib:${nvidia_libs}${LD_LIBRARY_PATH:-}"
export RETMASK_GOLDEN_DIR="$PWD/tests/golden"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader

failed=0
results=()
record() { # NAME COMMAND...: runs the command, keeps its output and records its result
  local name=$1 status=ok start=$SECONDS
  shift
  echo "== $name"
  if ! "$@" >"$out/$name.log" 2>&1; then
    status=FAILED failed=$((failed + 1))
    tail -n 20 "$out/$name.log"
  fi
  results+=("$(printf '%-28s %-7s %5d s' "$name" "$status" $((SECONDS - start)))")
}

record cuda-equals-cpu $build/tests/gpu_test
if grep -q SKIPPED "$out/cuda-equals-cpu.log"; then
  echo "no CUDA device could be used; see $out/cuda-equals-cpu.log" >&2
  exit 1
fi

model=tests/golden/tiny/llama
mask=$out/mask/mask.json
for i in 1 2 3 4; do
  printf '{"prompt": [{"role": "user", "content": "question %s"}], "chosen": [{"role": "assistant", "content": "a fine answer"}], "rejected": [{"role": "assistant", "content": "no"}]}\n' $i
done >"$out/pairs.jsonl"
cuda=(--device cuda --dtype float32 --quiet)
record mask $build/retmask mask --model $model --heads 0-1,2-3 --spec-only --out "$out/mask" --quiet
for device in cpu cuda; do
  record detect-$device $build/retmask detect --model $model --lengths 128 --depths 3 --max-new-tokens 8 --device $device \
    --dtype float32 --quiet --out "$out/detect-$device"
done
record detect-equal cmp "$out/detect-cpu/head_scores.json" "$out/detect-cuda/head_scores.json"
record eval-niah $build/retmask eval --suite niah --model $model --lengths 128 --depths 3 --max-new-tokens 8 --mask "$mask" \
  "${cuda[@]}" --out "$out/niah"
record synthesize $build/retmask synthesize --model $model --prompts "$out/pairs.jsonl" --mask "$mask" --max-new-tokens 16 \
  "${cuda[@]}" --out "$out/synthesize"
record train-dpo $build/retmask train-dpo --model $model --pairs "$out/pairs.jsonl" --global-batch-size 2 --epochs 1 \
  "${cuda[@]}" --out "$out/dpo"

for shape in llama-1b llama-8b; do
  record generate-$shape $build/bench/generate_bench --model tests/bench/shapes/$shape --device cuda --dtype bfloat16 \
    --batch-sizes 1,16,64 --runs 1
done

printf '\n'
printf '%s\n' "${results[@]}"
cat "$out"/generate-*.log
exit $((failed > 0))
