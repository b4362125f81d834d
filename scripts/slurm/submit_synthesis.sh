#!/usr/bin/env bash
# Submits synthesize.sh as an array and merge.sh behind it; prints the two job numbers. From the project's folder:
#
#   MODEL=models/Llama-3.1-8B-Instruct MASK=runs/mask/mask.json PROMPTS=data/lmsys.parquet OUT=runs/pairs \
#     CONFIG=configs/llama-3.1-8b-instruct.toml scripts/slurm/submit_synthesis.sh 16
#
# The argument is the number of workers (8); those behind it go to sbatch for the array (--time=..., --partition=...). The
# environment variables are those of synthesize.sh, and LOGS, the folder for the jobs' logs (the project's).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

workers=${1:-8}
if [ $# -gt 0 ]; then shift; fi
logs=${LOGS:-.}
array=$(sbatch --parsable --array="0-$((workers - 1))" --output="$logs/%x-%A-%a.log" "$@" scripts/slurm/synthesize.sh)
# --kill-on-invalid-dep: when a worker fails for good, the merge does not wait for ever.
merge=$(sbatch --parsable --output="$logs/%x-%j.log" --dependency="afterok:$array" --kill-on-invalid-dep=yes \
  scripts/slurm/merge.sh)
echo "workers: $array, merge: $merge"
