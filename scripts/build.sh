#!/usr/bin/env bash
# Configures a preset and builds it, completely or one target. Run scripts/setup.sh first.
#
#   scripts/build.sh [release|dev|debug|asan [TARGET]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:-release} target=${2:-all}

# Compiling a file that includes libtorch takes up to 2 GB.
memory_gb=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
jobs=$(nproc)
if [ "$jobs" -gt $((memory_gb / 2)) ]; then jobs=$((memory_gb / 2)); fi
if [ "$jobs" -lt 1 ]; then jobs=1; fi

cmake --preset "$preset"
cmake --build --preset "$preset" --target "$target" --parallel "$jobs"
