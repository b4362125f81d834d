#!/usr/bin/env bash
# Submits the workers of synthesize, detect or eval as a job array, followed by merge.sh; prints the two job ids. Run it from the
# project's folder:
#
#   MODEL=models/Llama-3.1-8B-Instruct OUT=runs/ruler FLAGS="--suite ruler --lengths 8k,32k,128k" scripts/slurm/submit_parts.sh eval 8
#
# The first argument is the command, the second the number of workers (default 8); further arguments are passed to sbatch for the
# array (--time=..., --partition=...). The environment variables are those of parts.sh, or of synthesize.sh, and LOGS, the folder
# for the logs (default: the project's folder). detect's --verify runs in the job that merges, which then needs a GPU: MERGE holds
# sbatch's arguments for it (--gpus=1).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export COMMAND=${1:?give a command: synthesize, detect or eval}
shift
workers=${1:-8}
if [ $# -gt 0 ]; then shift; fi
script=parts
if [ "$COMMAND" = synthesize ]; then script=synthesize; fi
logs=${LOGS:-.}
array=$(sbatch --parsable --array="0-$((workers - 1))" --output="$logs/%x-%A-%a.log" "$@" "scripts/slurm/$script.sh")
# --kill-on-invalid-dep: if a worker fails, the merge job is cancelled instead of waiting forever.
# shellcheck disable=SC2086  # MERGE is a list of words
merge=$(sbatch --parsable --output="$logs/%x-%j.log" --dependency="afterok:$array" --kill-on-invalid-dep=yes ${MERGE:-} \
  scripts/slurm/merge.sh)
echo "workers: $array, merge: $merge"
