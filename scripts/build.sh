#!/usr/bin/env bash
# Configures and builds one of the presets: scripts/build.sh [release|debug|asan]. Needs scripts/setup.sh first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:-release}

# A file that includes libtorch takes up to 2 GB to compile.
memory_gb=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
jobs=$(nproc)
if [ "$jobs" -gt $((memory_gb / 2)) ]; then jobs=$((memory_gb / 2)); fi
if [ "$jobs" -lt 1 ]; then jobs=1; fi

cmake --preset "$preset"
cmake --build --preset "$preset" --parallel "$jobs"
