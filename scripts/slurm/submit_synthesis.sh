#!/usr/bin/env bash
# Submits synthesize.sh as a job array, followed by merge.sh; prints the two job ids. Run it from the project's folder:
#
#   MODEL=models/Llama-3.1-8B-Instruct MASK=runs/mask/mask.json PROMPTS=data/lmsys.parquet OUT=runs/pairs \
#     CONFIG=configs/llama-3.1-8b-instruct.toml scripts/slurm/submit_synthesis.sh 16
#
# The first argument is the number of workers (default 8); further arguments are passed to sbatch for the array (--time=...,
# --partition=...). The environment variables are those of synthesize.sh, and LOGS, the folder for the logs (default: the
# project's folder).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

workers=${1:-8}
if [ $# -gt 0 ]; then shift; fi
logs=${LOGS:-.}
array=$(sbatch --parsable --array="0-$((workers - 1))" --output="$logs/%x-%A-%a.log" "$@" scripts/slurm/synthesize.sh)
# --kill-on-invalid-dep: if a worker fails, the merge job is cancelled instead of waiting forever.
merge=$(sbatch --parsable --output="$logs/%x-%j.log" --dependency="afterok:$array" --kill-on-invalid-dep=yes \
  scripts/slurm/merge.sh)
echo "workers: $array, merge: $merge"
