#!/usr/bin/env bash
# Submits synthesize.sh as a job array, followed by merge.sh; prints the two job ids. Run it from the project's folder:
#
#   MODEL=models/Llama-3.1-8B-Instruct MASK=runs/mask/mask.json PROMPTS=data/lmsys.parquet OUT=runs/pairs \
#     CONFIG=configs/llama-3.1-8b-instruct.toml scripts/slurm/submit_synthesis.sh 16
#
# The first argument is the number of workers (default 8); the others and the environment variables are those of submit_parts.sh.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/submit_parts.sh" synthesize "$@"
