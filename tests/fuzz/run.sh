#!/usr/bin/env bash
# Builds the fuzzers and runs each for SECONDS (default 600) from its corpus, several in parallel. Default: all harnesses.
#   tests/fuzz/run.sh [SECONDS [NAME...]]
# Findings are written to build/fuzz/found; the exit code is the number of harnesses with a finding.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-600}
names=("${@:2}")
[ ${#names[@]} -gt 0 ] || names=(safetensors tokenizer config template rows parquet mask toml)
cmake --preset fuzz > /dev/null
cmake --build --preset fuzz

out=$PWD/build/fuzz/found
mkdir -p "$out"
run_one() {
  mkdir -p "$2/$1"
  if build/fuzz/fuzz/"fuzz_$1" -max_total_time="$3" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 \
    -artifact_prefix="$2/$1-" "$2/$1" "tests/fuzz/corpus/$1" > "$2/$1.log" 2>&1; then
    echo "$1: $(grep -a '^Done' "$2/$1.log")"
  else
    echo "$1: FOUND $(grep -a -m1 -E 'SUMMARY|ERROR' "$2/$1.log"); see $2/$1.log"
    touch "$2/$1.failed"
  fi
}
export -f run_one
rm -f "$out"/*.failed
printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run_one "$@"' _ {} "$out" "$seconds"
exit "$(find "$out" -name '*.failed' | wc -l)"
