#!/usr/bin/env bash
# Checks the program on a machine with a GPU and measures its speed there; nothing is compiled or installed.
#
#   scripts/gpu_check.sh pack                       on the build machine: writes build/gpu-check.tar.xz
#   scripts/gpu_check.sh STAGE [--out DIR]          in the checkout or in the unpacked archive
#   scripts/gpu_check.sh STAGE --archive FILE ...   unpacks the archive into build/gpu-check first
#
# STAGE is check, generation or training, at most 8, 9 and 8 minutes. scripts/gpu_check.py describes the rest.
set -euo pipefail
exec python3 "$(dirname "${BASH_SOURCE[0]}")/gpu_check.py" "$@"
